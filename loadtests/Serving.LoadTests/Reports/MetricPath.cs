using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Reports;

/// <summary>
/// Finds a metric by PHASE.SCENARIO.METRIC; PHASE.METRIC and PHASE.server.METRIC are the phase's own and the daemon's counters. Where there is one phase its name may be left out, and
/// where that has one scenario its name too.
/// </summary>
internal static class MetricPath
{
    /// <summary>Its value; null when there is none.</summary>
    public static double? Find(IReadOnlyList<PhaseResult> phases, string path)
    {
        var parts = path.Split('.');
        var phase = phases.FirstOrDefault(phase => phase.Name == parts[0]);
        if (phase is not null && In(phase, parts[1..]) is { } named)
        {
            return named;
        }

        return phases.Count == 1 ? In(phases[0], parts) : null;
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
