using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>
/// What becomes of outputs that were planned ahead of their constrained sequences' last tokens (<see cref="StepPlan.LateOutputs"/>), once those tokens are there. Each is the one output of one row:
///
///     plan N        ... token t is pending ................ complete: t is told ──► what may follow t is known: sampled under it
///     plan N + 1        t's row is computed up to its logits ........................ is not known yet: withdrawn; t's row is planned again when it is
/// </summary>
internal sealed class LateOutputs(SchedulerState state)
{
    /// <summary>The plan before <paramref name="plan"/> is complete.</summary>
    public void Settle(StepPlan plan)
    {
        var kept = 0;
        foreach (var output in plan.LateOutputs)
        {
            if (Keeps(plan, plan.Outputs[output].SequenceIndex))
            {
                plan.KeepLateOutput(kept++, output);
            }
        }

        plan.TrimLateOutputs(kept);
    }

    // One that ended with the token is discarded like any other.
    private bool Keeps(StepPlan plan, int part)
    {
        var sequence = plan.Parts[part].State;
        if (sequence.Sequence.Status != SequenceStatus.Running)
        {
            return false;
        }

        if (state.KnowsAllowed(sequence) || state.Faults.Has(PlantedBug.KeepUnmasked))
        {
            return true;
        }

        Withdraw(sequence);
        plan.Withdraw(part);
        return false;
    }

    // As if the row had not been planned; its page is written again with the same bits, and was not sealed.
    private void Withdraw(SequenceState sequence)
    {
        state.Marks.Withdrawn++;
        sequence.Pending--;
        if (!state.Faults.Has(PlantedBug.KeepTurn))
        {
            sequence.States?.TakeBack();
        }

        sequence.Scheduled -= state.Faults.Has(PlantedBug.SkipResample) ? 0 : 1;
    }
}
