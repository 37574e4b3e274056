using System.Globalization;
using System.Text.Json;
using Serving.Benchmarks.Cuda;

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
        var rows = new List<BenchmarkRow>(limits.Rows);
        rows.AddRange(AttentionBenchmark.Run(ordinal, shape, limits));
        rows.AddRange(DecodeBenchmark.Run(ordinal, shape, limits));
        foreach (var row in rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Measure,-64} {row.Value,12:G4} {row.Unit,-10} {row.Limit}"));
        }

        if (Option(args, "--json") is { } file)
        {
            File.WriteAllText(file, JsonSerializer.Serialize(new { device = limits.Name, shape = shape.Name, rows }, new JsonSerializerOptions(JsonSerializerDefaults.Web)));
        }
    }

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}
