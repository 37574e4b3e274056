using Serving.Core.Adapters;
using Serving.Core.Memory;

namespace Serving.Core.Scheduling;

/// <summary>Writes the sequences that got rows into a plan, those of one adapter side by side, and notes what the plan will have done for each.</summary>
internal sealed class PlanWriter
{
    private readonly SchedulerState _state;
    private readonly long[] _order;

    /// <summary>A writer for a scheduler.</summary>
    public PlanWriter(SchedulerState state)
    {
        _state = state;
        _order = new long[state.Options.Seats];
    }

    /// <summary>Fills a plan.</summary>
    public void Write(StepPlan plan)
    {
        var count = 0;
        for (var i = 0; i < _state.Running.Count; i++)
        {
            var state = _state.Running[i];
            if (state.PlannedRows > 0)
            {
                _order[count++] = ((long)(SlotOf(state) + 1) << 32) | (uint)i;
            }
        }

        var order = _order.AsSpan(0, count);
        order.Sort();
        foreach (var key in order)
        {
            Write(plan, _state.Running[(int)key]);
        }
    }

    private static int SlotOf(SequenceState state) => state.Adapter?.Slot ?? AdapterEntry.NoSlot;

    private void Write(StepPlan plan, SequenceState state)
    {
        var (first, rows) = (state.Scheduled, state.PlannedRows);
        var (firstRow, firstOutput, index) = (plan.RowCount, plan.Outputs.Length, plan.Sequences.Length);
        if (state.CopySource is { } source)
        {
            if (!_state.Faults.Has(PlantedBug.ForkWithoutCopy))
            {
                plan.AddCopy(new PageCopy(source, state.Table.Pages[^1], (first - state.Table.HeadTokens) % PagePool.SlotsPerPage));
            }

            _state.DropCopySource(state);
        }

        for (var ordinal = first; ordinal < first + rows; ordinal++)
        {
            // A pending token is the last one and lies in the plan before, which is still in flight.
            var known = ordinal < state.Sequence.TokenCount;
            AddOutput(plan, state, index, ordinal);
            plan.AddRow(known ? state.Sequence.Tokens[ordinal] : ~state.PendingOutput, state.Sequence.Positions[ordinal]);
        }

        AddDrafts(plan, state, index);
        var drafts = state.PlannedDrafts;
        var firstPage = plan.Pages.Length;
        var pages = plan.AddPages(state.Table, first + rows + drafts);
        var (read, write) = AddStates(plan, state);
        plan.AddSequence(
            new PlannedSequence(state.Sequence, firstRow, rows + drafts, first, firstPage, pages, SlotOf(state), drafts, read, write),
            new StepPlan.PlanPart(state, state.Epoch, firstOutput, plan.Outputs.Length - firstOutput));
        NoteScheduled(plan, state, first + rows);
    }

    private static void AddOutput(StepPlan plan, SequenceState state, int index, int ordinal)
    {
        var sequence = state.Sequence;
        var scores = sequence.Request.ScorePrompt && sequence.Choice == 0;
        if (ordinal + 1 == state.Total && !state.ScoresOnly)
        {
            if (state.Pending > 0 && state.IsConstrained)
            {
                plan.AddLateOutput(plan.Outputs.Length);
            }

            plan.AddOutput(new PlannedOutput(index, plan.RowCount, -1, state.Total - sequence.PromptCount));
        }
        else if (scores && ordinal + 1 < sequence.PromptCount && ordinal + 1 >= state.Scored)
        {
            plan.AddOutput(new PlannedOutput(index, plan.RowCount, sequence.Tokens[ordinal + 1], 0));
            state.Scored = ordinal + 2;
        }
        else if (sequence.Request.EmbedPrompt && ordinal + 1 == sequence.PromptCount)
        {
            plan.AddHiddenOutput(index, plan.RowCount, sequence.Tokens[ordinal]);
        }
    }

    // Behind the row of the last token, whose output is the first that a draft guesses.
    private static void AddDrafts(StepPlan plan, SequenceState state, int index)
    {
        for (var i = 0; i < state.PlannedDrafts; i++)
        {
            plan.AddOutput(new PlannedOutput(index, plan.RowCount, -1, state.Total - state.Sequence.PromptCount + i + 1));
            plan.AddRow(state.Drafts[i], state.Sequence.Positions[state.Total + i]);
        }
    }

    private (int Read, int Write) AddStates(StepPlan plan, SequenceState state)
    {
        if (state.States is not { } states)
        {
            return (-1, -1);
        }

        var missed = state.InFlight > 0 && _state.Faults.Has(PlantedBug.MissTurn);
        var read = states.IsBlank ? -1 : plan.AddState(missed ? states.Other : states.Newest);
        var write = _state.Faults.Has(PlantedBug.WriteInPlace) && read >= 0 ? read : plan.AddState(missed ? states.Newest : states.Other);
        states.Turn(_state.Releases);
        return (read, write);
    }

    private static void NoteScheduled(StepPlan plan, SequenceState state, int end)
    {
        if (end == state.Total && !state.ScoresOnly)
        {
            state.Pending++;
            state.PendingOutput = plan.Outputs.Length - 1 - state.PlannedDrafts;
        }

        state.Scheduled = end;
        state.InFlight++;
        state.PlannedRows = 0;
        state.DraftsInFlight = state.PlannedDrafts;
        state.PlannedDrafts = 0;
    }
}
