using Serving.Core.Scheduling;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>A plan is within its limits of rows, sequences and adapters, and well formed: rows side by side, grouped by adapter slot, outputs in ascending rows.</summary>
internal sealed class BatchLimits() : Invariant("11 batch limits")
{
    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null)
        {
            return;
        }

        var settings = world.Settings;
        if (plan.RowCount < 1 || plan.RowCount > settings.MaxBatchedTokens || plan.Sequences.Length > settings.MaxSequences)
        {
            throw Violated($"plan {plan.Number}: {plan.RowCount} rows of {settings.MaxBatchedTokens}, {plan.Sequences.Length} sequences of {settings.MaxSequences}");
        }

        if (plan.TokenIds.Length != plan.RowCount || plan.Positions.Length != plan.RowCount)
        {
            throw Violated($"plan {plan.Number}: {plan.TokenIds.Length} tokens and {plan.Positions.Length} positions for {plan.RowCount} rows");
        }

        CheckSequences(plan, settings.MaxAdaptersPerStep);
        CheckOutputs(plan);
    }

    private void CheckSequences(StepPlan plan, int mostAdapters)
    {
        var row = 0;
        var page = 0;
        var adapters = 0;
        var seen = 0UL;
        var slot = -2;
        foreach (ref readonly var sequence in plan.Sequences)
        {
            if (sequence.FirstRow != row || sequence.RowCount < 1 || sequence.FirstPage != page)
            {
                throw Violated($"plan {plan.Number}: rows from {sequence.FirstRow} and pages from {sequence.FirstPage} where {row} and {page} are next");
            }

            if (sequence.AdapterSlot != slot)
            {
                slot = sequence.AdapterSlot;
                var bit = 1UL << (slot + 1);
                adapters += slot >= 0 ? 1 : 0;
                if ((seen & bit) != 0 || adapters > mostAdapters)
                {
                    throw Violated($"plan {plan.Number}: adapter slot {slot} comes twice or is one too many");
                }

                seen |= bit;
            }

            row += sequence.RowCount;
            page += sequence.PageCount;
        }

        if (row != plan.RowCount || page != plan.Pages.Length)
        {
            throw Violated($"plan {plan.Number}: sequences have {row} rows of {plan.RowCount} and {page} pages of {plan.Pages.Length}");
        }
    }

    private void CheckOutputs(StepPlan plan)
    {
        var last = -1;
        foreach (var output in plan.Outputs)
        {
            var sequence = plan.Sequences[output.SequenceIndex];
            if (output.Row <= last || output.Row < sequence.FirstRow || output.Row >= sequence.FirstRow + sequence.RowCount)
            {
                throw Violated($"plan {plan.Number}: output of row {output.Row} after {last} outside its sequence");
            }

            last = output.Row;
        }
    }
}
