using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>The scheduler's own check of itself.</summary>
internal sealed class Integrity() : Invariant("23 the scheduler's own check")
{
    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        if (full)
        {
            world.Scheduler.CheckIntegrity();
        }
    }

    /// <inheritdoc/>
    public override void AtRest(World world) => world.Scheduler.CheckIntegrity();
}
