using Serving.Core.Scheduling;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>The rows of a sequence are its next tokens at their positions; a token that is still pending is named in the plan before; outputs have their own index.</summary>
internal sealed class RowsAreTokens() : Invariant("22 rows are the next tokens")
{
    /// <inheritdoc/>
    public override void OnScheduled(World world, StepPlan? plan)
    {
        if (plan is null)
        {
            return;
        }

        foreach (ref readonly var planned in plan.Sequences)
        {
            CheckCached(plan, in planned);
            CheckRows(world, plan, in planned);
            CheckDrafts(world, plan, in planned);
        }

        foreach (var output in plan.Outputs)
        {
            CheckOutput(plan, output);
        }
    }

    // What the usage calls cached is what the first plan did not have to compute, whatever happens later.
    private void CheckCached(StepPlan plan, in PlannedSequence planned)
    {
        var track = World.TrackOf(planned.Sequence);
        if (track.Choice != 0 || planned.Sequence.Module is not null)
        {
            return;
        }

        track.Cached ??= planned.FirstOrdinal - EncodedFor(track);
        if (planned.Sequence.CachedCount != track.Cached || track.Cached >= planned.Sequence.PromptCount)
        {
            throw Violated($"plan {plan.Number}: {planned.Sequence.CachedCount} of {planned.Sequence.PromptCount} prompt tokens of {planned.Sequence.Request.Id.Value} are called cached, its first plan began at {track.Cached}");
        }
    }

    // Tokens of the imports that were computed because this request asked first: it did not find them.
    private int EncodedFor(SequenceTrack track)
    {
        var tokens = 0;
        var imports = track.Owner.Request.Imports;
        for (var index = 0; index < imports.Count; index++)
        {
            var encoded = track.Owner.Encoded.Contains(imports[index].Key);
            tokens += encoded ? imports[index].Tokens.Count : 0;
            if (track.Sequence!.ImportHits[index] == encoded)
            {
                throw Violated($"import {index} of {track.Owner.Request.Id.Value} is called {(encoded ? "found" : "encoded for it")}");
            }
        }

        return tokens;
    }

    private void CheckRows(World world, StepPlan plan, in PlannedSequence planned)
    {
        var sequence = planned.Sequence;
        for (var index = 0; index < planned.RowCount; index++)
        {
            var ordinal = planned.FirstOrdinal + index;
            var token = plan.TokenIds[planned.FirstRow + index];
            if (plan.Positions[planned.FirstRow + index] != World.TrackOf(sequence).Owner.PositionOf(ordinal))
            {
                throw Violated($"plan {plan.Number}: ordinal {ordinal} of {sequence.Request.Id.Value} at position {plan.Positions[planned.FirstRow + index]}");
            }

            var drafted = index >= planned.RowCount - planned.DraftCount;
            if (drafted ? ordinal < sequence.TokenCount || token < 0 : token >= 0 && (ordinal >= sequence.TokenCount || sequence[ordinal] != token))
            {
                throw Violated($"plan {plan.Number}: ordinal {ordinal} of {sequence.Request.Id.Value} is not token {token}");
            }

            if (token < 0 && !drafted)
            {
                CheckPending(world, plan, in planned, ordinal, ~token);
            }
        }
    }

    // Guesses stand behind the last token, each has an output, the last output is within the sequence's length; and nothing is scheduled while guesses of it are in flight.
    private void CheckDrafts(World world, StepPlan plan, in PlannedSequence planned)
    {
        var (sequence, drafts) = (planned.Sequence, planned.DraftCount);
        var name = $"plan {plan.Number}: {sequence.Request.Id.Value} with {drafts} drafts";
        if (world.Device.InFlight > 0)
        {
            foreach (ref readonly var before in world.Device.Newest.Plan!.Sequences)
            {
                if (before.Sequence == sequence && before.DraftCount > 0)
                {
                    throw Violated($"{name} runs ahead of its guesses");
                }
            }
        }

        if (drafts == 0)
        {
            return;
        }

        var index = 0;
        while (plan.Sequences[index].Sequence != sequence)
        {
            index++;
        }

        var outputs = 0;
        foreach (var output in plan.Outputs)
        {
            outputs += output.SequenceIndex == index ? 1 : 0;
        }

        var length = sequence.OutputCount + drafts + 1;
        if (drafts > (world.Settings.StatePages > 0 ? 0 : world.Settings.MaxDrafts) || planned.RowCount != drafts + 1 || outputs != drafts + 1 || planned.FirstOrdinal + 1 != sequence.TokenCount || length > sequence.Request.Sampling.MaxTokens)
        {
            throw Violated($"{name} of {world.Settings.MaxDrafts}, {planned.RowCount} rows, {outputs} outputs at ordinal {planned.FirstOrdinal} of {sequence.TokenCount}");
        }
    }

    private void CheckPending(World world, StepPlan plan, in PlannedSequence planned, int ordinal, int output)
    {
        var sequence = planned.Sequence;
        if (world.Device.InFlight != 1 || ordinal != sequence.TokenCount)
        {
            throw Violated($"plan {plan.Number}: {sequence.Request.Id.Value} runs ahead at ordinal {ordinal} of {sequence.TokenCount}, plans in flight {world.Device.InFlight}");
        }

        if (ordinal + 1 - sequence.PromptCount >= sequence.Request.Sampling.MaxTokens)
        {
            throw Violated($"plan {plan.Number}: {sequence.Request.Id.Value} runs ahead of what is its last token in any case");
        }

        var previous = world.Device.Oldest.Plan!;
        if (output >= previous.Outputs.Length || previous.Outputs[output].TargetToken >= 0 || previous.Sequences[previous.Outputs[output].SequenceIndex].Sequence != sequence)
        {
            throw Violated($"plan {plan.Number}: {sequence.Request.Id.Value} waits for output {output}, which is not its own");
        }

        var sampling = sequence.Request.Sampling;
        world.Marks.Hit(sampling.IsConstrained ? Mark.ConstrainedAhead : sampling.HasPenalties ? Mark.PenalisedAhead : Mark.ScheduledAhead);
    }

    private void CheckOutput(StepPlan plan, PlannedOutput output)
    {
        var planned = plan.Sequences[output.SequenceIndex];
        var ordinal = planned.FirstOrdinal + output.Row - planned.FirstRow;
        var prompt = planned.Sequence.Request.Prompt;
        var right = output.Hidden >= 0
            ? planned.Sequence.Request.EmbedPrompt && ordinal + 1 == prompt.Count && prompt[ordinal] == output.TargetToken
            : output.TargetToken >= 0
            ? ordinal + 1 < prompt.Count && prompt[ordinal + 1] == output.TargetToken
            : ordinal + 1 - prompt.Count == output.OutputIndex && output.OutputIndex >= 0;
        if (!right)
        {
            throw Violated($"plan {plan.Number}: row of ordinal {ordinal} of {planned.Sequence.Request.Id.Value} has output index {output.OutputIndex}, target {output.TargetToken}");
        }
    }
}
