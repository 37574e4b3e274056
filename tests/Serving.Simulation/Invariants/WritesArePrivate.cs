using Serving.Core.Memory;
using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>A page is written for one sequence only: no other sequence of the plan, nor of the plan in flight before it, reads it (copy on write).</summary>
internal sealed class WritesArePrivate : Invariant
{
    private SequenceTrack?[] _holders;
    private SequenceTrack?[] _before;
    private bool[] _shared;
    private bool[] _sharedBefore;

    /// <summary>Over a pool of <paramref name="pages"/> pages.</summary>
    public WritesArePrivate(int pages)
        : base("03 writes are private")
    {
        _holders = new SequenceTrack?[pages];
        _before = new SequenceTrack?[pages];
        _shared = new bool[pages];
        _sharedBefore = new bool[pages];
    }

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null)
        {
            return;
        }

        (_holders, _before) = (_before, _holders);
        (_shared, _sharedBefore) = (_sharedBefore, _shared);
        Array.Clear(_holders);
        Array.Clear(_shared);
        if (world.Device.InFlight == 0)
        {
            Array.Clear(_before);
            Array.Clear(_sharedBefore);
        }

        Hold(world, plan);
        foreach (ref readonly var planned in plan.Sequences)
        {
            var track = World.TrackOf(planned.Sequence);
            var entries = plan.Pages.Slice(planned.FirstPage, planned.PageCount);
            for (var index = TableCursor.EntryOf(entries, planned.FirstOrdinal); index < entries.Length; index++)
            {
                Check(plan, track, entries[index].Page);
            }
        }

        foreach (var copy in plan.Copies)
        {
            var track = _holders[copy.Destination.Value] ?? throw Violated($"plan {plan.Number}: copy to page {copy.Destination.Value}, which no sequence of the plan has");
            Check(plan, track, copy.Destination);
        }
    }

    private void Hold(World world, StepPlan plan)
    {
        foreach (ref readonly var planned in plan.Sequences)
        {
            var track = World.TrackOf(planned.Sequence);
            foreach (var entry in plan.Pages.Slice(planned.FirstPage, planned.PageCount))
            {
                if (_holders[entry.Page.Value] is not null)
                {
                    _shared[entry.Page.Value] = true;
                    world.Marks.Hit(Mark.PageShared);
                }

                _holders[entry.Page.Value] = track;
            }
        }
    }

    private void Check(StepPlan plan, SequenceTrack track, PageId page)
    {
        var before = _before[page.Value];
        if (_shared[page.Value] || _sharedBefore[page.Value] || (before is not null && before != track))
        {
            throw Violated($"plan {plan.Number}: page {page.Value} is written for {track.Owner.Request.Id.Value}.{track.Choice} while another sequence reads it");
        }
    }
}
