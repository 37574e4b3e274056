using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Reports;

/// <summary>All that is kept of a run; the JSON report is this.</summary>
internal sealed record LoadReport
{
    /// <summary>The version of this form.</summary>
    public const string CurrentSchema = "serving.loadtest/1";

    /// <summary>Its form.</summary>
    public required string Schema { get; init; }

    /// <summary>The load test's name.</summary>
    public required string Test { get; init; }

    /// <summary>What it shows.</summary>
    public required string Description { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>What everything random followed from.</summary>
    public required long Seed { get; init; }

    /// <summary>The base model.</summary>
    public required string Model { get; init; }

    /// <summary>The service level: seconds to the first token.</summary>
    public required double SloTtft { get; init; }

    /// <summary>The service level: seconds per output token; null for none.</summary>
    public double? SloTpot { get; init; }

    /// <summary>Whether it was interrupted: figures are of what had ended by then, and thresholds were not judged.</summary>
    public required bool Interrupted { get; init; }

    /// <summary>What ran, in order.</summary>
    public required IReadOnlyList<PhaseResult> Phases { get; init; }

    /// <summary>What had to hold.</summary>
    public required IReadOnlyList<ThresholdResult> Thresholds { get; init; }

    /// <summary>The highest rate factor that kept the service level; null where none was looked for or found.</summary>
    public double? Knee { get; init; }

    /// <summary>Every fault of the generator, with its phase. A round of a search that was dropped or late counts as a bad round, not as a fault.</summary>
    public required IReadOnlyList<string> GeneratorFaults { get; init; }
}

/// <summary>A threshold and whether it held.</summary>
/// <param name="Text">As the file says it.</param>
/// <param name="Value">What was measured; null when there is no such metric.</param>
/// <param name="Bar">What it was held to; null when there is no such metric.</param>
/// <param name="Holds">Whether it held.</param>
internal sealed record ThresholdResult(string Text, double? Value, double? Bar, bool Holds);
