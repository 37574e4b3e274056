namespace Serving.Core.Scheduling;

/// <summary>
/// Which running sequences compute drafts beside their next token: guesses of the tokens behind it, each of which is a row and an output of the step. An output counts as long as the drafts before it
/// are what was sampled, so that a step may bring several tokens; which they are does not depend on the drafts. A draft gets a row while the tokens that it is expected to bring to
/// the step are more than the share of time by which it makes the step longer. Drafts take pages from nobody who runs.
/// </summary>
internal sealed class Drafting
{
    private readonly SchedulerState _state;
    private readonly Packing _packing;
    private readonly StepCost _cost;
    private readonly List<SequenceState> _askers;
    private readonly Draft[] _drafts;
    private readonly int[] _counts;
    private readonly double[] _chances;

    /// <summary>Drafting in a scheduler.</summary>
    public Drafting(SchedulerState state, Packing packing, StepCost cost)
    {
        _state = state;
        _packing = packing;
        _cost = cost;
        var seats = Most == 0 ? 0 : state.Options.Seats;
        _askers = new List<SequenceState>(seats);
        _drafts = new Draft[seats * Most];
        _counts = new int[seats];
        _chances = new double[seats];
    }

    private int Most => _state.Options.MaxDraftTokens;

    /// <summary>Gives rows that the step has left to drafts.</summary>
    public void Run()
    {
        if (Most == 0 || _packing.Budget <= 0)
        {
            return;
        }

        Ask();
        var rows = (double)_packing.Rows;
        var brought = rows; // Every certain row is one token further.
        for (var depth = 0; depth < Most; depth++)
        {
            for (var i = 0; i < _askers.Count && _packing.Budget > 0; i++)
            {
                if (Accepts(i, depth, rows, brought))
                {
                    rows++;
                    brought += _chances[i];
                }
            }
        }

        _askers.Clear();
    }

    private void Ask()
    {
        foreach (var state in _state.Running)
        {
            if (Room(state) is > 0 and var room)
            {
                var place = _askers.Count;
                _counts[place] = _state.Sink.Propose(state.Sequence, _drafts.AsSpan(place * Most, Math.Min(room, Most)));
                _chances[place] = 1;
                if (_counts[place] > 0)
                {
                    _askers.Add(state);
                }
            }
        }
    }

    // A sequence whose one row in the step samples a token; the first one comes with the prompt. Its last token needs no row.
    private static int Room(SequenceState state) =>
        state is { PlannedRows: 1, Pending: 0, Module: null, ScoresOnly: false } && state.Sequence.OutputCount > 0 && state.Scheduled + 1 == state.Total
            ? state.Capacity - state.Total - 1
            : 0;

    // Nothing is sampled behind a token that ends the sequence: it needs no row, nor does what was guessed behind it.
    private bool Accepts(int asker, int depth, double rows, double brought)
    {
        if (depth >= _counts[asker])
        {
            return false;
        }

        var state = _askers[asker];
        var draft = _drafts[(asker * Most) + depth];
        _chances[asker] *= draft.Chance;
        var each = _cost.RowShare;
        if (_chances[asker] * (1 + (each * rows)) < brought * each || state.Sequence.Request.Sampling.StopsAt(draft.Token) || !HasSlot(state))
        {
            _counts[asker] = 0;
            return false;
        }

        state.AddDraft(draft.Token, Most);
        _packing.GiveDraft();
        return true;
    }

    private bool HasSlot(SequenceState state)
    {
        var needed = state.Scheduled + state.PlannedRows + state.PlannedDrafts + 1;
        if (state.Table.TokenCapacity < needed && _state.Supply.TryTake(out var page))
        {
            state.Table.Add(page);
        }

        return state.Table.TokenCapacity >= needed;
    }
}
