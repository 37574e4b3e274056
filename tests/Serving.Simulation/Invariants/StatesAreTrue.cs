using Serving.Core.Memory;
using Serving.Core.Scheduling;
using Serving.Simulation.Model;
using Serving.Simulation.Oracle;
using Serving.Simulation.Swarm;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>
/// A plan reads a recurrent state for every sequence that is past its first token, and writes one for every sequence, to pages that nobody else names: no other sequence of the plan, nor of the
/// plan in flight before it, nor that sequence itself for what it reads or for keys and values. A snapshot is what the tokens up to its page's end leave, and is not written any more.
/// </summary>
internal sealed class StatesAreTrue(SwarmSettings settings) : Invariant("30 states are private")
{
    private readonly int _size = settings.StatePages;
    private SequenceTrack?[] _users = new SequenceTrack?[settings.Pages];
    private SequenceTrack?[] _before = new SequenceTrack?[settings.Pages];
    private bool[] _read = new bool[settings.Pages];

    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null)
        {
            return;
        }

        (_users, _before) = (_before, _users);
        Array.Clear(_users);
        Array.Clear(_read);
        if (world.Device.InFlight == 0)
        {
            Array.Clear(_before);
        }

        foreach (ref readonly var planned in plan.Sequences)
        {
            CheckPlaces(plan, in planned);
            NoteRead(plan, in planned);
        }

        for (var index = 0; _size > 0 && index < plan.Sequences.Length; index++)
        {
            CheckWritten(world, plan, in plan.Sequences[index]);
        }
    }

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        if (!full || world.Scheduler.State.Cache.StateSnapshots is not { Count: > 0 } snapshots)
        {
            return;
        }

        world.Device.Execute();
        for (var index = 0; index < world.Pages.Count; index++)
        {
            if (snapshots.Of(new PageId(index)) is { } version)
            {
                CheckSnapshot(world, new PageId(index), version);
            }
        }
    }

    private void CheckSnapshot(World world, PageId page, PageId[] version)
    {
        var chain = new Stack<PageId>();
        for (PageId? before = page; before is { } one; before = world.Scheduler.State.Cache.ParentOf(one))
        {
            chain.Push(one);
        }

        var recurrent = TokenRule.Blank;
        foreach (var one in chain)
        {
            for (var slot = 0; slot < FakePages.Slots; slot++)
            {
                recurrent = TokenRule.Remember(recurrent, world.Pages.ContentAt(one, slot));
            }
        }

        if (world.Pages.States.Read(version, world.Pages.AdapterAt(page, 0), world.Pages.SaltAt(page, 0)) != recurrent)
        {
            throw Violated($"the snapshot behind page {page.Value} is not what the {chain.Count} pages up to there leave");
        }
    }

    private void CheckPlaces(StepPlan plan, in PlannedSequence planned)
    {
        var right = _size == 0
            ? planned is { StateRead: -1, StateWrite: -1 } && plan.StatePages.IsEmpty
            : planned.StateRead >= 0 == planned.FirstOrdinal > 0 && planned.StateWrite >= 0 && Math.Max(planned.StateRead, planned.StateWrite) + _size <= plan.StatePages.Length;
        if (!right)
        {
            var places = $"is read at {planned.StateRead} and written at {planned.StateWrite} of {plan.StatePages.Length} pages";
            throw Violated($"plan {plan.Number}: the state of {planned.Sequence.Request.Id.Value} at ordinal {planned.FirstOrdinal} {places}");
        }
    }

    private void NoteRead(StepPlan plan, in PlannedSequence planned)
    {
        var track = World.TrackOf(planned.Sequence);
        foreach (var entry in plan.Pages.Slice(planned.FirstPage, planned.PageCount))
        {
            Note(entry.Page);
        }

        foreach (var page in planned.StateRead < 0 ? [] : plan.StatePages.Slice(planned.StateRead, _size))
        {
            Note(page);
        }

        void Note(PageId page)
        {
            _read[page.Value] = true;
            _users[page.Value] = track;
        }
    }

    private void CheckWritten(World world, StepPlan plan, in PlannedSequence planned)
    {
        var track = World.TrackOf(planned.Sequence);
        foreach (var page in plan.StatePages.Slice(planned.StateWrite, _size))
        {
            if (world.Scheduler.State.Cache.StateSnapshots!.OwnerOf(page) is { } owner)
            {
                throw Violated($"plan {plan.Number}: a state of {track.Owner.Request.Id.Value}.{track.Choice} is written to page {page.Value}, which is the snapshot behind page {owner.Value}");
            }

            var before = _before[page.Value];
            if (_read[page.Value] || _users[page.Value] is not null || (before is not null && before != track))
            {
                var others = $"{_users[page.Value]?.Owner.Request.Id.Value} or {before?.Owner.Request.Id.Value}";
                throw Violated($"plan {plan.Number}: a state of {track.Owner.Request.Id.Value}.{track.Choice} is written to page {page.Value}, which is used for {others}");
            }

            _users[page.Value] = track;
        }
    }
}
