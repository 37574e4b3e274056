using Serving.Core.Adapters;
using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>A load never goes to a slot or a page that a plan in flight uses, nor to a slot beyond the device's.</summary>
internal sealed class AdapterPagesArePinned() : Invariant("07 adapter slots")
{
    /// <inheritdoc/>
    public override void OnLoad(World world, AdapterLoad load)
    {
        if ((uint)load.Slot >= (uint)world.Slots.Count)
        {
            throw Violated($"load into slot {load.Slot} of {world.Slots.Count}");
        }

        if (world.Device.InFlight > 0)
        {
            Check(world.Device.Oldest, load);
            Check(world.Device.Newest, load);
        }
    }

    private void Check(Flight flight, AdapterLoad load)
    {
        var plan = flight.Plan!;
        foreach (ref readonly var planned in plan.Sequences)
        {
            if (planned.AdapterSlot == load.Slot)
            {
                throw Violated($"slot {load.Slot} is loaded while plan {plan.Number} in flight uses it");
            }
        }

        foreach (var page in load.Pages)
        {
            CheckPage(plan, page.Value);
        }
    }

    private void CheckPage(StepPlan plan, int page)
    {
        foreach (var entry in plan.Pages)
        {
            if (entry.Page.Value == page)
            {
                throw Violated($"page {page} is given to an adapter while plan {plan.Number} in flight names it");
            }
        }
    }
}
