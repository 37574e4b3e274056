using Serving.Compute.Steps;
using Serving.Core.Requests;
using Serving.Core.Scheduling;

namespace Serving.Engine.Execution;

/// <summary>Turns a scheduler's plan into the arrays that a backend reads. Allocates nothing once the arrays have grown.</summary>
public static class StepInputsBuilder
{
    /// <summary>Fills <paramref name="inputs"/> from a plan.</summary>
    public static void Fill(StepPlan plan, StepInputs inputs)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(inputs);
        inputs.Clear();
        foreach (var copy in plan.Copies)
        {
            inputs.AddCopy(copy.Source.Value, copy.Destination.Value, copy.Tokens);
        }

        foreach (var page in plan.StatePages)
        {
            inputs.AddStatePage(page.Value);
        }

        foreach (ref readonly var sequence in plan.Sequences)
        {
            AddSequence(plan, in sequence, inputs);
        }

        var late = plan.LateOutputs;
        for (var i = 0; i < plan.Outputs.Length; i++)
        {
            var output = plan.Outputs[i];
            var isLate = late.Length > 0 && late[0] == i;
            AddOutput(plan, in plan.Sequences[output.SequenceIndex], in output, isLate, inputs);
            late = isLate ? late[1..] : late;
        }
    }

    /// <summary>Fills in the masks that were not known when the plan was made, as far as they are there now that the plan before is complete.</summary>
    public static void FillLateMasks(StepPlan plan, StepInputs inputs)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(inputs);
        foreach (var output in plan.LateOutputs)
        {
            var sequence = plan.Sequences[plan.Outputs[output].SequenceIndex].Sequence;
            inputs.FillMask(inputs.Outputs[output].FirstMask, SequenceState.Of(sequence).Constraint!.MaskBehind(0));
        }
    }

    // The entries' valid lengths run through the ordinals 0 … FirstOrdinal + RowCount; the new rows are the last of them.
    private static void AddSequence(StepPlan plan, in PlannedSequence sequence, StepInputs inputs)
    {
        inputs.AddSegment(sequence.FirstRow, sequence.RowCount, sequence.AdapterSlot);
        inputs.AddSequence(new StepSequence
        {
            FirstRow = sequence.FirstRow,
            RowCount = sequence.RowCount,
            FirstOrdinal = sequence.FirstOrdinal,
            FirstEntry = inputs.EntryCount,
            EntryCount = sequence.PageCount,
            StateRead = sequence.StateRead,
            StateWrite = sequence.StateWrite,
        });

        var ordinal = 0;
        var row = sequence.FirstRow;
        foreach (var entry in plan.Pages.Slice(sequence.FirstPage, sequence.PageCount))
        {
            inputs.AddEntry(entry.Page.Value, entry.ValidLength);
            for (var slot = Math.Max(0, sequence.FirstOrdinal - ordinal); slot < entry.ValidLength; slot++, row++)
            {
                inputs.AddRow(plan.TokenIds[row], plan.Positions[row], entry.Page.Value, slot);
            }

            ordinal += entry.ValidLength;
        }
    }

    private static void AddOutput(StepPlan plan, in PlannedSequence planned, in PlannedOutput output, bool isLate, StepInputs inputs)
    {
        var sequence = planned.Sequence;
        var sampling = sequence.Request.Sampling;
        var firstPenalty = inputs.PenaltyCount;
        var firstBias = inputs.BiasCount;
        var samples = output.TargetToken < 0;
        var firstDraft = planned.FirstRow + planned.RowCount - planned.DraftCount;
        var drafts = plan.TokenIds[Math.Min(firstDraft, output.Row + 1)..(output.Row + 1)]; // The guesses that this output stands behind.
        if (samples && sampling.HasPenalties)
        {
            SequenceState.Of(sequence).AddPenalties(inputs, drafts);
        }

        if (samples)
        {
            for (var i = 0; i < sampling.LogitBias.Count; i++)
            {
                inputs.AddBias(sampling.LogitBias[i].Token, sampling.LogitBias[i].Bias);
            }
        }

        var state = samples && sampling.IsConstrained ? SequenceState.Of(sequence) : null;
        var lateWords = isLate ? state?.Constraint?.MaskWords ?? 0 : 0;
        var mask = isLate || state is null ? [] : state.MaskBehind(drafts.Length);
        inputs.AddOutput(new SampleRow
        {
            Row = output.Row,
            TargetToken = output.TargetToken,
            TopLogprobs = sampling.TopLogprobs,
            TopK = sampling.TopK,
            Temperature = sampling.Temperature,
            TopP = sampling.TopP,
            MinP = sampling.MinP,
            RepetitionPenalty = sampling.RepetitionPenalty,
            PresencePenalty = sampling.PresencePenalty,
            FrequencyPenalty = sampling.FrequencyPenalty,
            FirstPenalty = firstPenalty,
            PenaltyCount = inputs.PenaltyCount - firstPenalty,
            FirstBias = firstBias,
            BiasCount = inputs.BiasCount - firstBias,
            FirstMask = lateWords > 0 ? inputs.AddLateMask(lateWords) : mask.IsEmpty ? 0 : inputs.AddMask(mask),
            MaskWords = lateWords + mask.Length,
            Seed = sampling.Seed,
            OutputIndex = (uint)output.OutputIndex,
            ChoiceIndex = (uint)sequence.Choice,
        });
        if (output.Hidden >= 0)
        {
            inputs.AddHiddenOutput();
        }
    }
}
