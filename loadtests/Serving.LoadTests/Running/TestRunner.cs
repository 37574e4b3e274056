using Serving.LoadTests.Client;
using Serving.LoadTests.Measurement;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Running;

/// <summary>Runs a load test: its phases one after the other, or its search for the knee.</summary>
/// <param name="test">Which one.</param>
/// <param name="options">What the command line adds.</param>
/// <param name="preparation">The test and the daemon brought together.</param>
/// <param name="time">The clock.</param>
/// <param name="say">Hears a line for everything that begins or ends.</param>
internal sealed class TestRunner(LoadTest test, RunOptions options, TestPreparation preparation, TimeProvider time, Action<string> say)
{
    /// <summary>Seconds that the daemon gets to be idle after a phase.</summary>
    public const double SettleSeconds = 10;

    private static readonly TimeSpan SettlePoll = TimeSpan.FromMilliseconds(100);

    /// <summary>Runs it; what is there when it is interrupted is returned.</summary>
    public async Task<IReadOnlyList<PhaseResult>> RunAsync(CancellationToken interrupt)
    {
        var results = new List<PhaseResult>();
        if (test.Search is { } search)
        {
            await new KneeFinder(search, (factor, round) => RunRoundAsync(results, factor, round, interrupt)).FindAsync(interrupt);
            return results;
        }

        for (var round = 0; round < test.Rounds && !interrupt.IsCancellationRequested; round++)
        {
            await RunRoundAsync(results, 1, round, interrupt);
        }

        return results;
    }

    // Runs all phases once; true when every scenario kept the service level often enough.
    private async Task<bool> RunRoundAsync(List<PhaseResult> results, double factor, int round, CancellationToken interrupt)
    {
        var first = results.Count;
        foreach (var phase in round % 2 == 0 || test.Search is not null ? test.Phases : test.Phases.Reverse())
        {
            if (interrupt.IsCancellationRequested)
            {
                break;
            }

            say(test.Search is null ? $"phase {phase.Name}{(test.Rounds > 1 ? $", round {round + 1} of {test.Rounds}" : "")}" : FormattableString.Invariant($"phase {phase.Name}, rates x {factor:G4}"));
            results.Add(await RunAsync(phase, factor, round, interrupt));
        }

        return results.Skip(first).All(result => result.GeneratorFaults.Count == 0 && result.Scenarios.All(scenario => scenario.Metrics["good_share"] >= (test.Search?.GoodShare ?? 0)));
    }

    private async Task<PhaseResult> RunAsync(Phase phase, double factor, int round, CancellationToken interrupt)
    {
        var loads = preparation.Lay(phase, factor, round);
        var fairness = new FairnessMeter([.. preparation.Tenants(phase).Select(tenant => tenant.Weight)]);
        var limits = new PhaseLimits(test.MaxOutstanding, test.WarmUp * options.TimeFactor, test.Drain);
        var before = await preparation.Daemon.MetricsAsync(CancellationToken.None);
        var runner = new PhaseRunner(loads, limits, fairness, time);
        var watch = await WatchAsync(limits.WarmUp, () => runner.RunAsync(interrupt));
        var (after, metrics) = (before is null ? null : await SettleAsync(), Metrics(runner, fairness));
        AddPool(metrics, after);
        foreach (var (name, value) in watch.Meter.Metrics().Concat(watch.Unmanaged.Metrics("unmanaged")))
        {
            metrics[name] = value;
        }

        return new PhaseResult
        {
            Name = phase.Name,
            Round = round,
            Seconds = runner.Seconds,
            RateFactor = factor * options.RateFactor,
            Scenarios = [.. loads.Select(load => load.Statistics.Result(runner.Seconds))],
            Metrics = metrics,
            Server = after?.Since(before!) ?? [],
            Timeline = runner.Meters.Timeline.Points(),
            GeneratorFaults = GeneratorFaults.Of(runner.Meters, test.MaxOutstanding),
        };
    }

    private async Task<MemoryWatch> WatchAsync(double warmUp, Func<Task> run)
    {
        using var over = new CancellationTokenSource();
        var watch = new MemoryWatch(preparation.Daemon.MetricsAsync, warmUp, time);
        var watching = watch.RunAsync(over.Token);
        try
        {
            await run();
        }
        finally
        {
            await over.CancelAsync();
            await watching;
        }

        return watch;
    }

    private static SortedDictionary<string, double> Metrics(PhaseRunner runner, FairnessMeter fairness)
    {
        var meters = runner.Meters;
        var metrics = new SortedDictionary<string, double>(StringComparer.Ordinal)
        {
            ["lateness_p50"] = meters.Lateness.Quantile(0.5),
            ["lateness_p99"] = meters.Lateness.Quantile(0.99),
            ["lateness_max"] = meters.Lateness.Max,
            ["dropped"] = meters.Dropped,
            ["outstanding_max"] = meters.MostOutstanding,
        };
        if (fairness.Compared)
        {
            metrics["fairness_gap"] = fairness.Gap;
        }

        return metrics;
    }

    // What a daemon does not show has no metric, and a threshold on it is missed: nothing is claimed that was not seen.
    private static void AddPool(SortedDictionary<string, double> metrics, ServerMetrics? after)
    {
        if (after is { ShowsWork: true })
        {
            metrics["settled"] = after.IsIdle ? 1 : 0;
        }

        if (after?.SequencePages is { } left)
        {
            metrics["sequence_pages_left"] = left;
        }

        if (after is { AccountedPages: { } accounted, TotalPages: { } total })
        {
            metrics["pages_missing"] = total - accounted;
        }
    }

    // The daemon's figures when it is idle, or as they are when it does not become so.
    private async Task<ServerMetrics?> SettleAsync()
    {
        var clock = new PhaseClock(time);
        while (true)
        {
            var now = await preparation.Daemon.MetricsAsync(CancellationToken.None);
            if (now is null or { IsIdle: true } || clock.Now >= SettleSeconds)
            {
                return now;
            }

            await Task.Delay(SettlePoll, time);
        }
    }
}
