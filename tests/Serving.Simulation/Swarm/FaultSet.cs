namespace Serving.Simulation.Swarm;

/// <summary>Which faults a run has and how often, each a probability per step unless said otherwise; 0 is off.</summary>
internal sealed record FaultSet
{
    /// <summary>No faults at all.</summary>
    public static FaultSet None { get; } = new();

    /// <summary>A request is cancelled, its state drawn first.</summary>
    public double Cancel { get; init; }

    /// <summary>Longest time that an adapter load takes, in steps.</summary>
    public int LoadDelay { get; init; }

    /// <summary>A load fails, per load.</summary>
    public double LoadFailure { get; init; }

    /// <summary>A load hangs, per load: nothing is heard of it until whoever loads gives it up, and then it has failed.</summary>
    public double LoadHang { get; init; }

    /// <summary>Time until a load that hangs is given up, in steps.</summary>
    public int LoadTimeout { get; init; }

    /// <summary>An adapter is replaced by other content under the same name.</summary>
    public double Replace { get; init; }

    /// <summary>A sequence is preempted although pages are free.</summary>
    public double Preempt { get; init; }

    /// <summary>The least valued idle pages are evicted although pages are free.</summary>
    public double Evict { get; init; }

    /// <summary>A step takes up to a thousand times as long.</summary>
    public double StepDelay { get; init; }

    /// <summary>A reader stalls and its request is aborted, per request.</summary>
    public double SlowReader { get; init; }

    /// <summary>A request has a deadline it may miss, per request.</summary>
    public double Deadline { get; init; }

    /// <summary>A constraint comes to a point where it allows no token, per constrained request.</summary>
    public double DeadEnd { get; init; }

    /// <summary>The engine does not schedule ahead although it may (depth 1).</summary>
    public double Bubble { get; init; }

    /// <summary>The daemon is drained before the run's end.</summary>
    public bool Drain { get; init; }

    /// <summary>A module is pinned, or one that is pinned is not any more.</summary>
    public double Pin { get; init; }

    /// <summary>The file of tenants is read again with other rate limits.</summary>
    public double Reload { get; init; }

    /// <summary>The device is lost with all it holds, and comes back empty.</summary>
    public double DeviceLost { get; init; }
}
