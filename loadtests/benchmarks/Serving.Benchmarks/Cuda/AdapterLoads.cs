using System.Diagnostics;
using Serving.Compute.Adapters;

namespace Serving.Benchmarks.Cuda;

/// <summary>An adapter's way to the device: cut once in host memory, then copied, alone and beside a step that is under way.</summary>
internal static class AdapterLoads
{
    private const int Repeats = 7;

    /// <summary>Adapters that are cut and loaded in turns: one of just before would still be in a cache.</summary>
    private const int Adapters = 6;

    /// <summary>A preparation's rate, a load's, and how much longer a step and a load beside each other take than the step.</summary>
    public static IEnumerable<Measurement> Measurements(Func<DecodeSetUp> setUp) => [new(["prepare.rate", "load.rate", "load.hidden"], () => Rows(setUp()))];

    private static IEnumerable<BenchmarkRow> Rows(DecodeSetUp setUp)
    {
        var (shape, backend, session, cost) = (setUp.Shape, setUp.Backend, setUp.Session, setUp.Cost);
        var bytes = cost.AdapterBytes(DecodeBenchmark.Rank, _ => true);
        var prepared = new IPreparedAdapter?[Adapters];
        try
        {
            var preparing = Prepare(session, cost, prepared);
            yield return new("prepare.rate", $"adapter cut into cells in pinned memory, rank {DecodeBenchmark.Rank}, all seven, once for all loads, one thread", bytes / preparing / 1e9, "GB/s", null, FormattableString.Invariant($"{bytes / 1e6:G4} MB in {preparing * 1e3:G4} ms"));
            var loads = 0;
            void Load()
            {
                backend.PackAdapter(0, prepared[loads++ % Adapters]!, session.PagesOf(0));
                backend.AwaitAdapters();
            }

            var load = Best(Load);
            var words = FormattableString.Invariant($"{bytes / 1e6:G4} MB / {cost.Limits.HostRate / 1e9:G4} GB/s = {bytes / cost.Limits.HostRate * 1e3:G4} ms");
            yield return new("load.rate", $"adapter load from host memory, rank {DecodeBenchmark.Rank}, all seven, of host-to-device bandwidth", 100 * bytes / load / cost.Limits.HostRate, "%", Bar.AtLeast(80), words);

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
        finally
        {
            Array.ForEach(prepared, adapter => adapter?.Dispose());
        }
    }

    /// <summary>Prepares all of them; seconds of the fastest.</summary>
    private static double Prepare(StepSession session, StepCost cost, IPreparedAdapter?[] prepared)
    {
        var best = double.MaxValue;
        for (var i = 0; i < prepared.Length; i++)
        {
            var adapter = StepSession.RandomAdapter(cost.Program, DecodeBenchmark.Rank, i);
            var start = Stopwatch.GetTimestamp();
            prepared[i] = session.Prepare(adapter);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
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
