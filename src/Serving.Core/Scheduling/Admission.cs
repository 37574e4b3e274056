using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>
/// Who joins the running sequences: by the tenants' turns, as long as there are seats, rows, and pages for the first chunk. Who waits for its adapter or modules lets others pass;
/// loads and encodings are ordered in the same turn, so that the first ones in the queue find theirs resident. Who waits to know what its constraint allows lets others pass as well.
/// </summary>
internal sealed class Admission
{
    /// <summary>
    /// Waiting sequences of one tenant that a pass looks at while others run: enough to keep two loads under way behind a full batch. Those that lack nothing but to know what their
    /// constraint allows do not count. With nothing to run a pass looks at all of them.
    /// </summary>
    public const int Lookahead = 8;

    /// <summary>
    /// Admissions past a sequence that lacks room for its adapter or its modules; after that nobody is admitted past it, so that those who run drain and make the room.
    /// A full batch of the default size.
    /// </summary>
    public const int MaxBypasses = 64;

    private readonly SchedulerState _state;
    private readonly Packing _packing;
    private readonly PrefixReuse _prefix;
    private readonly SnapshotTaking _snapshots;
    private readonly Gathering _gathering;
    private readonly List<SequenceState> _roomless = [];

    /// <summary>Admission in a scheduler.</summary>
    public Admission(SchedulerState state, Packing packing, ModuleEncodings encodings)
    {
        _gathering = new Gathering(state, encodings);
        _state = state;
        _packing = packing;
        _prefix = new PrefixReuse(state);
        _snapshots = new SnapshotTaking(state);
    }

    private bool Busy => _state.Running.Count > 0 || _state.Releases.InFlight > 0;

    /// <summary>One pass over the queue.</summary>
    public void Run()
    {
        _state.Queue.BeginPass();
        _gathering.BeginPass();
        if (!Busy && _gathering.First is { } first && IsReady(first, out _) && HasSeat())
        {
            TryAdmit(first); // Nobody runs: what others hold in their turns must not keep it from coming to its end.
        }

        for (var looked = 0; looked < Lookahead || HasSeat(); looked++)
        {
            if (_state.Queue.Next(Busy ? Lookahead : int.MaxValue) is not { } next)
            {
                break;
            }

            if (!IsReady(next, out var stop) || !HasSeat())
            {
                if (stop)
                {
                    break;
                }

                FairQueue.Skip(next);
            }
            else if (!TryAdmit(next))
            {
                // The first that does not fit keeps its turn: whoever came after it would take the pages it waits for.
                if (Busy)
                {
                    break;
                }

                FairQueue.Skip(next);
            }
        }

        _roomless.Clear();
        _state.Adapters.ReleaseHolds();
        _state.Modules.ReleaseHolds();
    }

    /// <summary>Brings in what somebody who is not in the queue wants, as far as there is room.</summary>
    /// <returns>Whether all of it is there.</returns>
    public bool Gather(SequenceState asker)
    {
        var ready = HasAdapter(asker, out _) && _gathering.IsReady(asker, out _);
        _state.Adapters.ReleaseHolds();
        _state.Modules.ReleaseHolds();
        return ready;
    }

    private bool HasSeat() => _state.Running.Count < _state.Options.Seats && _packing.Budget > 0;

    // Whether nothing but a seat and pages is missing; if not, whether the queue stops here.
    private bool IsReady(SequenceState next, out bool stop)
    {
        stop = false;
        if (next.InFlight > 0)
        {
            return false;
        }

        if (HasAdapter(next, out var roomless) && _gathering.IsReady(next, out roomless))
        {
            // Last: its adapter and modules come while it is found out what its constraint allows.
            var ready = _state.KnowsAllowed(next);
            next.Request.Tenant.Held += ready ? 0 : 1;
            stop = !ready && _state.Faults.Has(PlantedBug.HeldStopsQueue);
            return ready;
        }

        if (roomless)
        {
            stop = Busy && next.Bypassed >= MaxBypasses;
            _roomless.Add(next);
        }

        return false;
    }

    private bool HasAdapter(SequenceState next, out bool roomless)
    {
        roomless = false;
        if (next.Adapter is not { } adapter)
        {
            return true;
        }

        var attempt = Prepare(adapter);
        var ready = adapter.State == AdapterState.Resident && FitsStep(adapter);
        roomless = !ready && (attempt == LoadAttempt.NoRoom || adapter.State == AdapterState.Resident);
        return ready;
    }

    // Holds a resident adapter against those who come later in the queue, or orders its load.
    private LoadAttempt Prepare(AdapterEntry adapter)
    {
        var attempt = _state.Adapters.TryLoad(adapter, out var load);
        _state.Adapters.Hold(adapter);
        if (load is not null)
        {
            _state.Sink.OnAdapterLoad(load);
        }

        return attempt;
    }

    private bool FitsStep(AdapterEntry adapter)
    {
        if (adapter.Users > 0)
        {
            return true;
        }

        var running = 0;
        foreach (var entry in _state.Adapters.Slots)
        {
            running += entry is { Users: > 0 } ? 1 : 0;
        }

        return running < _state.Options.MaxAdaptersPerStep;
    }

    private bool TryAdmit(SequenceState next)
    {
        var hits = _prefix.Find(next, out var idleHits);
        if (TryAdmit(next, hits, idleHits))
        {
            return true;
        }

        // A snapshot is held beside the two versions that a sequence needs in any case: on a machine that is only just large enough there is no room for it.
        if (Busy || hits == 0 || _state.Options.StatePages == 0 || !TryAdmit(next, 0, 0))
        {
            return false;
        }

        _state.Marks.SnapshotsPassedOver++;
        return true;
    }

    private bool TryAdmit(SequenceState next, int hits, int idleHits)
    {
        var sequence = next.Sequence;
        var cached = hits * PagePool.SlotsPerPage;
        var computed = sequence.ImportedCount + cached;
        _snapshots.Aim(next, _prefix.Found * PagePool.SlotsPerPage, cached);
        var rows = Math.Min(_packing.Budget, _snapshots.Cut(next, computed, sequence.TokenCount - computed));
        var pages = PagePool.PagesFor(cached + rows) - hits;
        if (_state.Supply.Obtainable - idleHits < pages + _state.Options.StateVersionPages + Spare(next, hits + pages))
        {
            return false;
        }

        Leave(next);
        _state.Splice(next);
        _prefix.Take(next, hits);
        ChargeOnce(next);
        for (var i = 0; i < pages; i++)
        {
            var taken = _state.Supply.TryTake(out var page);
            Integrity.Require(taken, "fewer pages can be had than were promised");
            next.Table.Add(page);
        }

        next.States?.Take(_state.Supply);
        if (next.Preemptions > 0 && _state.Faults.Has(PlantedBug.KeepStaleState))
        {
            next.States?.KeepStale();
        }

        next.Scheduled = computed;
        sequence.ComputedCount = computed;
        if (next.Preemptions > 0 && _state.Faults.Has(PlantedBug.SkipRecompute))
        {
            rows = 1;
            next.Scheduled = sequence.ComputedCount = Math.Min(sequence.TokenCount, next.Table.TokenCapacity) - 1;
        }

        _state.Run(next);
        _packing.Give(next, rows);
        return true;
    }

    // Pages beyond the first chunk that keep the next decodes from preempting at once: one for a newcomer; one for each running sequence for who was preempted; and all that it and the running may
    // come to need for who was preempted too often.
    private int Spare(SequenceState next, int firstPages)
    {
        if (next.Preemptions < Preemption.MaxPreemptions)
        {
            return next.Preemptions == 0 ? Math.Min(1, _state.Running.Count) : _state.Running.Count;
        }

        var spare = _state.Running.Count == 0 ? 0 : next.PagesToCome - firstPages;
        foreach (var running in _state.Running)
        {
            spare += running.PagesToCome;
        }

        return spare;
    }

    private void ChargeOnce(SequenceState next)
    {
        if (next.Begin() && next.Sequence.Choice == 0)
        {
            _state.Queue.ChargeInput(next.Request.Tenant, next.Sequence.PromptCount - next.Sequence.ImportedCount - next.PrefixCached);
        }
    }

    // From the queue to the running ones: the adapter is pinned before it stops being waited for.
    private void Leave(SequenceState next)
    {
        _state.Queue.Remove(next);
        if (next.Adapter is { } adapter)
        {
            _state.Adapters.Pin(adapter);
            _state.Adapters.Use(adapter);
            _state.Adapters.RemoveWaiter(adapter);
        }

        _state.StopWaiting(next);

        if (!next.Request.Begun)
        {
            next.Request.Begun = true;
            _state.QueuedRequests--;
        }

        foreach (var roomless in _roomless)
        {
            roomless.Bypassed++;
            _state.Marks.Bypassed++;
        }
    }
}
