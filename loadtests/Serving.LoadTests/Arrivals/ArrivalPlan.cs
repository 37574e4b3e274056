using Serving.LoadTests.Sampling;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Arrivals;

/// <summary>All that a scenario will do in a phase, before it begins.</summary>
/// <param name="Open">Requests of its open loops, in order.</param>
/// <param name="Closed">Its closed loops.</param>
/// <param name="Seconds">When the last stretch ends; closed loops that count requests may take longer.</param>
internal sealed record ArrivalPlan(IReadOnlyList<Arrival> Open, IReadOnlyList<ClosedLoop> Closed, double Seconds)
{
    /// <summary>Arrivals of one scenario in one phase at most: 40 MB of them.</summary>
    public const int MaxArrivals = 1_000_000;

    /// <summary>How many requests it has, null where a closed loop goes by time.</summary>
    public int? Requests => Closed.Any(loop => loop.Requests is null) ? null : Open.Count + Closed.Sum(loop => loop.Requests!.Value);

    /// <summary>Lays out a scenario's load.</summary>
    /// <param name="load">Its stretches.</param>
    /// <param name="seed">Of the scenario's place.</param>
    /// <param name="rateFactor">What rates are multiplied by, and copies and a trace's speed too.</param>
    /// <param name="traceOf">Reads a trace.</param>
    /// <exception cref="ScenarioException">There are too many.</exception>
    public static ArrivalPlan Of(IReadOnlyList<LoadSimulation> load, long seed, double rateFactor, Func<LoadSimulation.Replay, double, IEnumerable<Arrival>> traceOf)
    {
        var (open, closed, begin) = (new List<Arrival>(), new List<ClosedLoop>(), 0.0);
        foreach (var (stretch, i) in load.Select((stretch, i) => (stretch, i)))
        {
            var random = new SeededRandom(seed, i);
            if (stretch is LoadSimulation.KeepConstant constant)
            {
                closed.Add(new ClosedLoop(begin, Math.Max(1, (int)Math.Round(constant.Copies * rateFactor)), constant.Seconds, constant.Requests));
                begin += constant.Seconds ?? 0;
                continue;
            }

            var (arrivals, seconds) = Arrivals(stretch, rateFactor, random, traceOf);
            foreach (var arrival in arrivals)
            {
                if (open.Count == MaxArrivals)
                {
                    throw new ScenarioException($"a scenario may have {MaxArrivals} arrivals in a phase at most");
                }

                open.Add(arrival with { At = begin + arrival.At });
            }

            begin += seconds;
        }

        return new ArrivalPlan(open, closed, begin);
    }

    private static (IEnumerable<Arrival> Arrivals, double Seconds) Arrivals(
        LoadSimulation stretch, double factor, SeededRandom random, Func<LoadSimulation.Replay, double, IEnumerable<Arrival>> traceOf) => stretch switch
        {
            LoadSimulation.Inject inject => (At(ArrivalProcess.Gamma(inject.Rate * factor, inject.Cv, inject.Seconds, random)), inject.Seconds),
            LoadSimulation.RampingInject ramp => (At(ArrivalProcess.Ramp(ramp.From * factor, ramp.To * factor, ramp.Seconds, random)), ramp.Seconds),
            LoadSimulation.InjectRandom any => (At(ArrivalProcess.RandomRate(any.Min * factor, any.Max * factor, any.Interval, any.Seconds, random)), any.Seconds),
            LoadSimulation.Replay replay => (traceOf(replay, factor), replay.Seconds),
            LoadSimulation.Pause pause => ([], pause.Seconds),
            _ => throw new ArgumentOutOfRangeException(nameof(stretch), stretch, "not a stretch of an open loop"),
        };

    private static IEnumerable<Arrival> At(IEnumerable<double> times) => times.Select(at => new Arrival(at));
}
