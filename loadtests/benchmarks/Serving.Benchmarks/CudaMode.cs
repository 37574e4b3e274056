using System.Globalization;
using Serving.Benchmarks.Cuda;
using Serving.Compute.Cuda;

namespace Serving.Benchmarks;

/// <summary>
/// The CUDA backend on a model's shape with random weights. What the device can do (copy bandwidth, matrix rate, host-to-device bandwidth) is measured in the same run,
/// and every figure stands beside what it would be at that limit.
/// </summary>
internal static class CudaMode
{
    /// <summary>Arguments: <c>--json FILE</c>, <c>--shape 8b|tiny</c> (tiny only shows that it runs), <c>--device N</c>.</summary>
    public static void Run(string[] args)
    {
        var shape = BenchmarkShape.Find(Option(args, "--shape") ?? "8b");
        var ordinal = int.Parse(Option(args, "--device") ?? "0", CultureInfo.InvariantCulture);
        var limits = DeviceLimits.Measure(ordinal, shape);
        var report = new BenchmarkReport(limits.Name, shape.Name, CudaDevices.IsSubstituted, [
            .. limits.Rows,
            .. AttentionBenchmark.Run(ordinal, shape, limits),
            .. DecodeBenchmark.Run(ordinal, shape, limits),
            .. ManyAdaptersBenchmark.Run(ordinal, shape, limits),
        ]);
        report.Print(Console.Out);
        if (Option(args, "--json") is { } file)
        {
            report.Write(file);
        }
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}
