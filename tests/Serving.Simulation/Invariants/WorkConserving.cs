using Serving.Core.Scheduling;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>With nothing in flight and no load to wait for, a scheduler that has requests has a plan: everything idle can be evicted to make room.</summary>
internal sealed class WorkConserving() : Invariant("12 work conserving")
{
    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null && world.Device.InFlight == 0 && world.PendingLoads == 0 && world.Live.Count > 0)
        {
            throw Violated($"no plan for {world.Live.Count} requests, the first is {world.Live[0].Request.Id.Value}");
        }
    }
}
