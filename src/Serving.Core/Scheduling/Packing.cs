using Serving.Core.Memory;

namespace Serving.Core.Scheduling;

/// <summary>
/// Which running sequences get how many rows of a step: first those that need one row, then partly computed prompts, the oldest first, under the token budget.
/// A sequence that lacks a page for its first row takes it from what is idle, then from who is preempted. One that waits to know what its constraint allows after its last token, or how many of its
/// drafts were right, gets no rows and keeps its pages.
/// </summary>
internal sealed class Packing
{
    private readonly SchedulerState _state;
    private readonly Preemption _preemption;
    private readonly SnapshotTaking _snapshots;
    private readonly SequenceState[] _order;

    /// <summary>Packing in a scheduler.</summary>
    public Packing(SchedulerState state, Preemption preemption)
    {
        _state = state;
        _preemption = preemption;
        _snapshots = new SnapshotTaking(state);
        _order = new SequenceState[state.Options.Seats];
    }

    /// <summary>Rows left in the step.</summary>
    public int Budget { get; private set; }

    /// <summary>Rows in the step.</summary>
    public int Rows => Limit - Budget;

    /// <summary>Whether some sequence has rows in the step.</summary>
    public bool Any => Rows > 0;

    /// <summary>Whether the step took pages from a running sequence: then nobody is admitted to them.</summary>
    public bool Preempted { get; private set; }

    private int Limit => _state.Options.MaxBatchedTokens + (_state.Faults.Has(PlantedBug.OverBudget) ? 1 : 0);

    /// <summary>Gives rows to the running sequences.</summary>
    public void PackRunning()
    {
        Budget = Limit;
        Preempted = false;
        var count = _state.Running.Count;
        _state.Running.CopyTo(_order);
        for (var pass = 0; pass < 2; pass++)
        {
            for (var i = 0; i < count && Budget > 0; i++)
            {
                var wanted = Wanted(_order[i]);
                if (wanted > 0 && (wanted == 1) == (pass == 0))
                {
                    Pack(_order[i], Math.Min(wanted, Budget));
                }
            }
        }

        Array.Clear(_order, 0, count);
    }

    /// <summary>Gives rows to a sequence that has the pages for them.</summary>
    public void Give(SequenceState state, int rows)
    {
        state.PlannedRows = rows;
        Budget -= rows;
    }

    /// <summary>Takes a row for a draft of a sequence that has its certain row.</summary>
    public void GiveDraft() => Budget--;

    private int Wanted(SequenceState state)
    {
        if (state.PlannedRows > 0 || state.Sequence.Status != Requests.SequenceStatus.Running)
        {
            return 0;
        }

        // Ahead of its last token what its constraint allows is asked once the token is there: see LateOutputs.
        var waits = state.Pending == 0 && !_state.KnowsAllowed(state);
        var guesses = state.DraftsInFlight > 0 && !_state.Faults.Has(PlantedBug.AheadOfDrafts);
        return waits || guesses || state.EndsWithPending ? 0 : _snapshots.Cut(state, state.Scheduled, state.Total - state.Scheduled);
    }

    private void Pack(SequenceState state, int wanted)
    {
        var rows = TakePages(state, wanted);
        while (rows == 0 && MakeRoom(state))
        {
            rows = TakePages(state, wanted);
        }

        if (rows > 0)
        {
            Give(state, rows);
        }
    }

    // Takes idle pages as long as there are any; the rows that fit then.
    private int TakePages(SequenceState state, int wanted)
    {
        while (state.Table.TokenCapacity < state.Scheduled + wanted && _state.Supply.TryTake(out var page))
        {
            state.Table.Add(page);
        }

        return Math.Min(wanted, state.Table.TokenCapacity - state.Scheduled);
    }

    // Preempts one sequence in favour of another; false when that one has to wait.
    private bool MakeRoom(SequenceState state)
    {
        // Pages that a plan in flight names come free with it: preempting more would not make them come sooner.
        if (_state.Releases.PageCount > 0)
        {
            _state.Marks.WaitedForFlight++;
            return false;
        }

        if (_preemption.SelectVictim(state) is not { } victim)
        {
            return false;
        }

        Preempted = true;
        Budget += victim.PlannedRows;
        _preemption.Preempt(victim);
        return victim != state && _state.Releases.InFlight == 0;
    }
}
