using Serving.LoadTests.Measurement;
using Serving.LoadTests.Scenarios;

namespace Serving.LoadTests.Reports;

/// <summary>A figure before and after.</summary>
/// <param name="Path">PHASE.SCENARIO.METRIC.</param>
/// <param name="Before">The median of its rounds.</param>
/// <param name="After">The same of the other report.</param>
/// <param name="Ratio">After over before.</param>
/// <param name="Least">The least ratio of any round after to any round before.</param>
/// <param name="Largest">The largest.</param>
/// <param name="IsWorse">Worse by more than the factor, and in every pair of rounds.</param>
internal sealed record ComparisonRow(string Path, double Before, double After, double Ratio, double Least, double Largest, bool IsWorse);

/// <summary>
/// Two reports of one load test. A figure is worse when the ratio of the medians is beyond a factor and no round after was as good as the worst before: what rounds of one report differ by
/// is no regression.
/// </summary>
internal static class Comparison
{
    private static readonly (string Metric, bool MoreIsBetter)[] Judged =
    [
        ("tokens_out_per_s", true), ("good_share", true), ("error_share", false), ("ttft_p50", false), ("ttft_p99", false), ("tpot_p50", false), ("tpot_p99", false), ("e2e_p50", false), ("e2e_p99", false),
    ];

    /// <summary>Compares them.</summary>
    /// <param name="before">What was.</param>
    /// <param name="after">What is.</param>
    /// <param name="factor">How many times worse a figure may be.</param>
    /// <exception cref="ScenarioException">They are of different tests, or have nothing in common.</exception>
    public static IReadOnlyList<ComparisonRow> Of(LoadReport before, LoadReport after, double factor)
    {
        if (before.Test != after.Test)
        {
            throw new ScenarioException("the reports are of different load tests");
        }

        // The rounds of a search run at rates that depend on what was found: only what was found compares.
        var rows = before.Knee is { } knee && after.Knee is { } other ? [Row("knee", [knee], [other], factor, moreIsBetter: true)] : Phases(before, after, factor);
        return rows.Count > 0 ? rows : throw new ScenarioException("the reports have no phase and scenario in common");
    }

    /// <summary>What else differs between them, a line each: ratios then say less.</summary>
    public static IReadOnlyList<string> Differences(LoadReport before, LoadReport after)
    {
        var differences = new List<string>();
        static double RatesOf(LoadReport report) => report.Phases.Select(phase => phase.RateFactor).FirstOrDefault(1);
        void Check(string what, object one, object other)
        {
            if (!one.Equals(other))
            {
                differences.Add(FormattableString.Invariant($"{what} differs: {one} before, {other} after"));
            }
        }

        Check("the model", before.Model, after.Model);
        Check("the seed", before.Seed, after.Seed);
        Check("the factor of the rates", RatesOf(before), RatesOf(after));
        Check("the number of phases that ran", before.Phases.Count, after.Phases.Count);
        return differences;
    }

    private static List<ComparisonRow> Phases(LoadReport before, LoadReport after, double factor)
    {
        var rows = new List<ComparisonRow>();
        foreach (var phase in before.Phases.Select(phase => phase.Name).Distinct())
        {
            foreach (var scenario in before.Phases.Where(round => round.Name == phase).SelectMany(round => round.Scenarios).Select(scenario => scenario.Name).Distinct())
            {
                foreach (var (metric, moreIsBetter) in Judged)
                {
                    var path = $"{phase}.{scenario}.{metric}";
                    var (was, now) = (MetricPath.Find(before.Phases, path), MetricPath.Find(after.Phases, path));
                    if (was.Count > 0 && now.Count > 0)
                    {
                        rows.Add(Row(path, was, now, factor, moreIsBetter));
                    }
                }
            }
        }

        return rows;
    }

    private static ComparisonRow Row(string path, IReadOnlyList<double> before, IReadOnlyList<double> after, double factor, bool moreIsBetter)
    {
        var (ratio, least, largest) = (Ratio(MetricPath.Median(after), MetricPath.Median(before)), Ratio(after.Min(), before.Max()), Ratio(after.Max(), before.Min()));
        var worse = moreIsBetter ? ratio < 1 / factor && largest < 1 : ratio > factor && least > 1;
        return new ComparisonRow(path, MetricPath.Median(before), MetricPath.Median(after), ratio, least, largest, worse);
    }

    // Nothing before and nothing after is no change; errors where there were none are infinitely many more.
    private static double Ratio(double after, double before) => before == after ? 1 : before == 0 ? double.PositiveInfinity : after / before;
}
