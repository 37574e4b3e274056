using Serving.LoadTests.Measurement;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Reports;

/// <summary>Makes the report of a run, and judges its thresholds.</summary>
internal static class ReportBuilder
{
    /// <summary>Makes it.</summary>
    public static LoadReport Build(LoadTest test, long seed, string model, DateTimeOffset started, bool interrupted, IReadOnlyList<PhaseResult> phases) => new()
    {
        Schema = LoadReport.CurrentSchema,
        Test = test.Name,
        Description = test.Description,
        Started = started,
        Seed = seed,
        Model = model,
        SloTtft = test.Slo.Ttft,
        SloTpot = test.Slo.Tpot,
        Interrupted = interrupted,
        Phases = phases,
        Thresholds = interrupted ? [] : [.. test.Thresholds.Select(threshold => Judge(threshold, phases))],
        Knee = test.Search is { } search ? Knee(phases, search.GoodShare) : null,
        GeneratorFaults = test.Search is not null ? [] : [.. phases.SelectMany(phase => phase.GeneratorFaults.Select(fault => $"phase {phase.Name}: {fault}"))],
    };

    /// <summary>The report's exit code.</summary>
    public static int ExitCode(LoadReport report) =>
        report.Interrupted ? ExitCodes.Interrupted
        : report.GeneratorFaults.Count > 0 ? ExitCodes.Generator
        : report.Thresholds.All(threshold => threshold.Holds) ? ExitCodes.Good
        : ExitCodes.Missed;

    // A number must be kept in every round, and the one that breaks it is shown. Two metrics are compared by the medians of their rounds.
    private static ThresholdResult Judge(Threshold threshold, IReadOnlyList<PhaseResult> phases)
    {
        var left = MetricPath.Find(phases, threshold.Left);
        IReadOnlyList<double> right = threshold.Right is null ? [1] : MetricPath.Find(phases, threshold.Right);
        if (left.Count == 0 || right.Count == 0)
        {
            return new ThresholdResult(threshold.Text, left.Count == 0 ? null : MetricPath.Median(left), right.Count == 0 ? null : MetricPath.Median(right) * threshold.Factor, false);
        }

        var bar = MetricPath.Median(right);
        var value = threshold.Right is null ? left.FirstOrDefault(round => !threshold.Holds(round, bar), left[0]) : MetricPath.Median(left);
        return new ThresholdResult(threshold.Text, value, bar * threshold.Factor, threshold.Holds(value, bar));
    }

    private static double? Knee(IReadOnlyList<PhaseResult> phases, double goodShare)
    {
        var good = phases
            .GroupBy(phase => phase.RateFactor)
            .Where(round => round.All(phase => phase.GeneratorFaults.Count == 0 && phase.Scenarios.All(scenario => scenario.Metrics["good_share"] >= goodShare)))
            .Select(round => (double?)round.Key);
        return good.Max();
    }
}
