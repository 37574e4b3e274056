namespace Serving.LoadTests.Measurement;

/// <summary>A scenario in a phase.</summary>
internal sealed record ScenarioResult
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Whose requests these were.</summary>
    public required string Tenant { get; init; }

    /// <summary>By name; times in seconds. README.md explains them.</summary>
    public required SortedDictionary<string, double> Metrics { get; init; }

    /// <summary>Failures by kind.</summary>
    public required SortedDictionary<string, long> Errors { get; init; }

    /// <summary>Per model, the most asked first.</summary>
    public required IReadOnlyList<ModelResult> Models { get; init; }
}

/// <summary>A model or adapter in a scenario.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Requests">Requests that are over.</param>
/// <param name="Failed">Those of them that failed.</param>
/// <param name="OutputTokens">Tokens of its answers.</param>
/// <param name="TtftMean">Mean time to the first token, seconds.</param>
/// <param name="TtftMax">The longest.</param>
internal sealed record ModelResult(string Name, long Requests, long Failed, long OutputTokens, double TtftMean, double TtftMax);

/// <summary>A stretch of a phase's time.</summary>
/// <param name="At">When it begins, seconds.</param>
/// <param name="Arrived">Requests that were due.</param>
/// <param name="Ended">Requests that ended well.</param>
/// <param name="Failed">Requests that failed or were dropped.</param>
/// <param name="OutputTokens">Tokens that came.</param>
/// <param name="TtftP50">Median time to first tokens that came here, seconds; 0 without one.</param>
/// <param name="TtftP99">Their 99th percentile.</param>
internal sealed record TimelinePoint(double At, long Arrived, long Ended, long Failed, long OutputTokens, double TtftP50, double TtftP99);

/// <summary>A phase.</summary>
internal sealed record PhaseResult
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Which time it ran, from 0.</summary>
    public int Round { get; init; }

    /// <summary>Seconds that were counted: from the end of the warm-up to the last answer.</summary>
    public required double Seconds { get; init; }

    /// <summary>What rates were multiplied by.</summary>
    public required double RateFactor { get; init; }

    /// <summary>Its scenarios.</summary>
    public required IReadOnlyList<ScenarioResult> Scenarios { get; init; }

    /// <summary>What concerns all of them: fairness_gap (when tenants were compared), lateness_…, settled and pool figures.</summary>
    public required SortedDictionary<string, double> Metrics { get; init; }

    /// <summary>By how much the daemon's own counters went up; empty where it has none.</summary>
    public required SortedDictionary<string, double> Server { get; init; }

    /// <summary>Over time.</summary>
    public required IReadOnlyList<TimelinePoint> Timeline { get; init; }

    /// <summary>What went wrong with the run itself rather than with the daemon, if anything.</summary>
    public required IReadOnlyList<string> GeneratorFaults { get; init; }
}
