using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>An adapter that was replaced is out of its slot as soon as no request wants it and no plan in flight names it; and no load of it is ordered then.</summary>
internal sealed class RetiredAdaptersLeave() : Invariant("24 retired adapters leave")
{
    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        if (world.Retired.Count == 0 || world.Device.InFlight > 0)
        {
            return;
        }

        foreach (var entry in world.Scheduler.State.Adapters.Slots)
        {
            if (entry is { State: AdapterState.Resident } && world.Retired.Contains(entry.Adapter.Digest) && !IsWanted(world, entry.Adapter.Digest))
            {
                throw Violated($"slot {entry.Slot} still holds an adapter that was replaced and nobody wants");
            }
        }
    }

    private static bool IsWanted(World world, Digest digest)
    {
        foreach (var request in world.Live)
        {
            if (request.Request.Adapter?.Digest == digest)
            {
                return true;
            }
        }

        return false;
    }
}
