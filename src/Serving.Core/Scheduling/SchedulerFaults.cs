namespace Serving.Core.Scheduling;

/// <summary>What the simulation may force upon a scheduler: rare branches taken at will, and planted bugs. Decisions come from outside, so that a seed replays.</summary>
internal sealed class SchedulerFaults
{
    /// <summary>The mistake planted in this run.</summary>
    public PlantedBug Bug { get; init; }

    /// <summary>Asked once per <c>Schedule</c>: preempt one sequence (the one that a lack of pages would choose) although nothing lacks.</summary>
    public Func<bool> PreemptNow { get; init; } = static () => false;

    /// <summary>Asked once per <c>Schedule</c>: evict what has the lowest value although nothing lacks.</summary>
    public Func<bool> EvictNow { get; init; } = static () => false;

    /// <summary>Prefix keys are cut to three bits, so that most of them collide.</summary>
    public bool CollideKeys { get; init; }

    /// <summary>Whether <paramref name="bug"/> is planted.</summary>
    public bool Has(PlantedBug bug) => Bug == bug;
}
