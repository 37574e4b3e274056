using System.Globalization;
using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Reports;

/// <summary>The tables that every report shows, as text.</summary>
internal static class Figures
{
    private static readonly (string Head, Func<ScenarioResult, string> Cell)[] Columns =
    [
        ("requests", scenario => Count(scenario.Metrics["requests"])),
        ("failed", scenario => Count(scenario.Metrics["errors"] + scenario.Metrics["dropped"])),
        ("req/s", scenario => Rate(scenario.Metrics["requests_per_s"])),
        ("tok/s in", scenario => Rate(scenario.Metrics["tokens_in_per_s"])),
        ("tok/s out", scenario => Rate(scenario.Metrics["tokens_out_per_s"])),
        ("ttft ms p50/p90/p99/max", scenario => Times(scenario, "ttft")),
        ("tpot ms", scenario => Times(scenario, "tpot")),
        ("itl ms", scenario => Times(scenario, "itl")),
        ("e2e ms", scenario => Times(scenario, "e2e")),
        ("good", scenario => Percent(scenario.Metrics["good_share"])),
        ("satisfied", scenario => scenario.Metrics["satisfaction"].ToString("F2", CultureInfo.InvariantCulture)),
        ("cached", scenario => Percent(scenario.Metrics["cached_share"])),
    ];

    /// <summary>Heads of the table of scenarios.</summary>
    public static IReadOnlyList<string> ScenarioHeads => ["phase", "scenario", .. Columns.Select(column => column.Head)];

    /// <summary>A row of that table.</summary>
    public static IReadOnlyList<string> Row(PhaseResult phase, ScenarioResult scenario) => [Name(phase), scenario.Name, .. Columns.Select(column => column.Cell(scenario))];

    /// <summary>A phase's name, with its round where it is not the first and its rates' factor where that is not 1.</summary>
    public static string Name(PhaseResult phase) =>
        string.Create(CultureInfo.InvariantCulture, $"{phase.Name}{(phase.Round > 0 ? $" #{phase.Round + 1}" : "")}{(phase.RateFactor == 1 ? "" : $" x {phase.RateFactor:G4}")}");

    /// <summary>A phase's own figures and the daemon's counters.</summary>
    public static IEnumerable<(string Name, string Value)> Whole(PhaseResult phase) =>
        phase.Metrics.Select(pair => (pair.Key, Metric(pair.Key, pair.Value))).Concat(phase.Server.Select(pair => ($"server.{pair.Key}", Count(pair.Value))));

    /// <summary>A metric's value with its unit: times are in ms.</summary>
    public static string Metric(string name, double value) =>
        IsTime(name) ? Milliseconds(value) + " ms" : name is "memory_first" or "memory_last" or "memory_max" or "unmanaged_first" or "unmanaged_last" or "unmanaged_max" ? (value / (1 << 20)).ToString("N0", CultureInfo.InvariantCulture) + " MiB" : value.ToString(Math.Abs(value) >= 1000 ? "N0" : "G4", CultureInfo.InvariantCulture);

    /// <summary>What a threshold says and found.</summary>
    public static string Judged(ThresholdResult threshold) => threshold is { Value: { } value, Bar: { } bar }
        ? string.Create(CultureInfo.InvariantCulture, $"{value:G4} for {bar:G4}")
        : "there is no such metric";

    /// <summary>Milliseconds with a useful number of digits.</summary>
    public static string Milliseconds(double seconds) => (seconds * 1000).ToString(seconds >= 0.1 ? "N0" : seconds >= 0.01 ? "F1" : "F2", CultureInfo.InvariantCulture);

    private static bool IsTime(string name) => name.Contains('_') && name[..name.IndexOf('_')] is "ttft" or "tpot" or "itl" or "e2e" or "lateness";

    private static string Times(ScenarioResult scenario, string name) =>
        string.Join(" / ", new[] { "p50", "p90", "p99", "max" }.Select(quantile => Milliseconds(scenario.Metrics[$"{name}_{quantile}"])));

    private static string Count(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Rate(double value) => value.ToString(value >= 100 ? "N0" : "F1", CultureInfo.InvariantCulture);

    private static string Percent(double share) => share.ToString("P1", CultureInfo.InvariantCulture).Replace(" ", "", StringComparison.Ordinal);
}
