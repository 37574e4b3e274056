using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Reports;

/// <summary>
/// Finds a metric by PHASE.SCENARIO.METRIC; PHASE.METRIC and PHASE.server.METRIC are the phase's own and the daemon's counters. Where there is one phase its name may be left out, and
/// where that has one scenario its name too. A phase that ran in several rounds has a value of each.
/// </summary>
internal static class MetricPath
{
    /// <summary>Its values, round by round; none when a round has none.</summary>
    public static IReadOnlyList<double> Find(IReadOnlyList<PhaseResult> phases, string path)
    {
        var parts = path.Split('.');
        var named = In(phases.Where(phase => phase.Name == parts[0]), parts[1..]);
        return named.Count > 0 || phases.Select(phase => phase.Name).Distinct().Count() != 1 ? named : In(phases, parts);
    }

    /// <summary>The middle one of some values, or the mean of the middle two.</summary>
    public static double Median(IReadOnlyList<double> values)
    {
        var ordered = values.Order().ToArray();
        return (ordered[(ordered.Length - 1) / 2] + ordered[ordered.Length / 2]) / 2;
    }

    private static IReadOnlyList<double> In(IEnumerable<PhaseResult> rounds, string[] parts)
    {
        var values = rounds.Select(phase => In(phase, parts)).ToList();
        return values.TrueForAll(value => value is not null) ? [.. values.Select(value => value!.Value)] : [];
    }

    private static double? In(PhaseResult phase, string[] parts) => parts switch
    {
        [var metric] when phase.Metrics.TryGetValue(metric, out var value) => value,
        [var metric] when phase.Scenarios.Count == 1 && phase.Scenarios[0].Metrics.TryGetValue(metric, out var value) => value,
        ["server", var metric] when phase.Server.TryGetValue(metric, out var value) => value,
        [var scenario, var metric] when phase.Scenarios.FirstOrDefault(result => result.Name == scenario) is { } result && result.Metrics.TryGetValue(metric, out var value) => value,
        _ => null,
    };
}
