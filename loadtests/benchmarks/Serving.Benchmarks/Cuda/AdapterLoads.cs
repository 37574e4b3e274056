using System.Diagnostics;
using Serving.Compute.Cuda;

namespace Serving.Benchmarks.Cuda;

/// <summary>An adapter's way to the device: alone, and beside a step that is under way.</summary>
internal static class AdapterLoads
{
    private const int Repeats = 7;

    /// <summary>Adapters that are loaded in turns: one that was loaded just before would still be in a cache.</summary>
    private const int Adapters = 6;

    /// <summary>A load's rate, and how much longer a step and a load beside each other take than the step.</summary>
    public static IEnumerable<BenchmarkRow> Rows(BenchmarkShape shape, CudaBackend backend, StepSession session, StepCost cost)
    {
        var adapters = Enumerable.Range(0, Adapters).Select(seed => StepSession.RandomAdapter(cost.Program, DecodeBenchmark.Rank, seed)).ToArray();
        var loads = 0;
        var bytes = cost.AdapterBytes(DecodeBenchmark.Rank, _ => true);
        void Load()
        {
            backend.PackAdapter(0, adapters[loads++ % Adapters], session.PagesOf(0));
            backend.AwaitAdapters();
        }

        var load = Best(Load);
        var words = FormattableString.Invariant($"{bytes / 1e6:G4} MB / {cost.Limits.HostRate / 1e9:G4} GB/s = {bytes / cost.Limits.HostRate * 1e3:G4} ms");
        yield return new("load.rate", $"adapter load, rank {DecodeBenchmark.Rank}, all seven, cutting into cells included, of host-to-device bandwidth", 100 * bytes / load / cost.Limits.HostRate, "%", Bar.AtLeast(80), words);

        // No sequence of the step uses slot 0, as the engine's do not while it is loaded.
        var step = session.Decode(shape.Batch, _ => -1);
        var alone = Best(step);
        var beside = Best(() =>
        {
            var loading = Task.Run(Load);
            step();
            loading.Wait();
        });
        yield return new("load.hidden", "a decode step and a load beside it, until both are done, beside the step alone", beside / alone, "x", Bar.AtMost(1.05), FormattableString.Invariant($"1 x where {words} is less than the step's {alone * 1e3:G4} ms; 5 % for measuring"));
    }

    private static double Best(Action work)
    {
        var best = double.MaxValue;
        for (var i = 0; i < Repeats; i++)
        {
            var start = Stopwatch.GetTimestamp();
            work();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }
}
