using System.Diagnostics;
using System.Globalization;
using Serving.Benchmarks.Cuda;
using Serving.Compute.Cuda;
using Serving.Compute.Programs;

namespace Serving.Benchmarks;

/// <summary>
/// The CUDA backend on a model's shape with random weights. What the device can do (copy bandwidth, matrix rate, host-to-device bandwidth) is measured in the same run,
/// and every figure stands beside what it would be at that limit. Rows are printed, and the file written, as they are measured: what ran counts though a later part fails.
/// </summary>
internal static class CudaMode
{
    /// <summary>
    /// Arguments: <c>--json FILE</c>, <c>--shape 8b|tiny</c> (tiny only shows that it runs), <c>--device N</c>, <c>--rows GLOB[,GLOB]</c> (which rows, the most wanted first),
    /// <c>--limit SECONDS</c> (nothing is begun later than that after the start).
    /// </summary>
    public static void Run(string[] args)
    {
        var clock = Stopwatch.StartNew();
        var shape = BenchmarkShape.Find(Option(args, "--shape") ?? "8b");
        var ordinal = int.Parse(Option(args, "--device") ?? "0", CultureInfo.InvariantCulture);
        var seconds = double.Parse(Option(args, "--limit") ?? "Infinity", CultureInfo.InvariantCulture);
        var limits = DeviceLimits.Measure(ordinal, shape);
        var report = new BenchmarkReport(limits.Name, shape.Name, CudaDevices.IsSubstituted, Console.Out, Option(args, "--json"));
        foreach (var row in limits.Rows)
        {
            report.Add(row);
        }

        bool IsOver() => clock.Elapsed.TotalSeconds >= seconds;
        var picked = new RowFilter(Option(args, "--rows")).Pick(Groups(ordinal, shape, limits, IsOver));
        var failures = new BenchmarkRun(report, IsOver).Run(picked);
        if (failures.Count > 0)
        {
            throw new AggregateException("A part of the benchmark failed.", failures);
        }
    }

    /// <summary>
    /// By value where time is short: first what missed its bar or was never measured on a device, and what explains it; then what only informs. What shares a set-up stays together.
    /// </summary>
    private static MeasurementGroup[] Groups(int ordinal, BenchmarkShape shape, DeviceLimits limits, Func<bool> isOver) =>
    [
        new DecodeBenchmark(ordinal, shape, limits),
        AttentionBenchmark.Chosen(ordinal, shape, limits),
        new RecurrenceBenchmark(ordinal, shape, limits),
        new MixtureBenchmark(ordinal, shape, limits),
        new MixtureBenchmark(ordinal, shape, limits, WeightFormat.Mxfp4),
        new IntegersBenchmark(ordinal, shape, limits, WeightFormat.Int4),
        new IntegersBenchmark(ordinal, shape, limits, WeightFormat.Int8),
        new IntegersBenchmark(ordinal, shape, limits, WeightFormat.Int4Asymmetric),
        new IntegersBenchmark(ordinal, shape, limits, WeightFormat.Iq4),
        new IntegersBenchmark(ordinal, shape, limits, WeightFormat.Mxfp4),
        new ManyAdaptersBenchmark(ordinal, shape, limits, isOver),
        AttentionBenchmark.Forced(ordinal, shape, limits),
    ];

    private static string? Option(string[] args, string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}
