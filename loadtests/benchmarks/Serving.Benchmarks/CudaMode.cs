using System.Globalization;
using Serving.Benchmarks.Cuda;
using Serving.Compute.Backends;
using Serving.Compute.Cuda;

namespace Serving.Benchmarks;

/// <summary>
/// The CUDA backend on a model's shape with random weights. What the device can do (copy bandwidth, matrix rate, host-to-device bandwidth) is measured in the same run,
/// and every figure stands beside what it would be at that limit. Rows are printed, and the file written, as they are measured: what ran counts though a later part fails.
/// </summary>
internal static class CudaMode
{
    /// <summary>In the order in which they run.</summary>
    private static readonly (string Name, Func<int, BenchmarkShape, DeviceLimits, IEnumerable<BenchmarkRow>> Run)[] Parts =
    [
        ("attention", AttentionBenchmark.Run),
        ("decode", DecodeBenchmark.Run),
        ("traffic", ManyAdaptersBenchmark.Run),
    ];

    /// <summary>Arguments: <c>--json FILE</c>, <c>--shape 8b|tiny</c> (tiny only shows that it runs), <c>--device N</c>, <c>--parts attention,decode,traffic</c>.</summary>
    public static void Run(string[] args)
    {
        var shape = BenchmarkShape.Find(Option(args, "--shape") ?? "8b");
        var ordinal = int.Parse(Option(args, "--device") ?? "0", CultureInfo.InvariantCulture);
        var parts = Option(args, "--parts")?.Split(',') ?? [.. Parts.Select(part => part.Name)];
        var file = Option(args, "--json");
        var limits = DeviceLimits.Measure(ordinal, shape);
        var report = new BenchmarkReport(limits.Name, shape.Name, CudaDevices.IsSubstituted, Console.Out, file);
        report.Add(limits.Rows);
        var failures = new List<Exception>();
        foreach (var (name, run) in Parts.Where(part => parts.Contains(part.Name)))
        {
            try
            {
                report.Add(run(ordinal, shape, limits));
            }
            catch (Exception exception) when (exception is ComputeException or InvalidOperationException or PlatformNotSupportedException)
            {
                Console.Error.WriteLine($"{name}: {exception.Message}");
                failures.Add(exception);
            }
        }

        if (failures.Count > 0)
        {
            throw new AggregateException("A part of the benchmark failed.", failures);
        }
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}
