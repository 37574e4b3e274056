using Serving.Core.Memory;
using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>
/// Records what a step did: computed tokens, full pages into the prefix cache, forks, scored prompts, sampled tokens and the ends they bring. What was computed
/// for a sequence that ended meanwhile is discarded, and so are withdrawn outputs (<see cref="LateOutputs"/>); a token sampled for one that was preempted meanwhile is as good as any.
/// </summary>
internal sealed class Completion
{
    private readonly SchedulerState _state;
    private readonly Endings _endings;
    private readonly Forks _forks;
    private readonly SnapshotTaking _snapshots;

    /// <summary>Completion in a scheduler.</summary>
    public Completion(SchedulerState state, Endings endings, Forks forks)
    {
        _state = state;
        _endings = endings;
        _forks = forks;
        _snapshots = new SnapshotTaking(state);
    }

    /// <summary>Records a plan's results, one token per output.</summary>
    public void Complete(StepPlan plan, ReadOnlySpan<int> tokens)
    {
        for (var i = 0; i < plan.Parts.Length; i++)
        {
            var part = plan.Parts[i];
            var state = part.State;
            state.InFlight--;
            if (state.Sequence.Status == SequenceStatus.Finished)
            {
                Discard(part, tokens);
                continue;
            }

            var drafts = plan.Sequences[i].DraftCount;
            var counts = !part.IsWithdrawn || _state.Faults.Has(PlantedBug.SealUnmasked);
            if (counts && part.Epoch == state.Epoch)
            {
                Compute(state, plan.Sequences[i].RowCount - drafts);
            }

            for (var output = part.FirstOutput; !part.IsWithdrawn && output < part.FirstOutput + part.OutputCount - drafts; output++)
            {
                Record(plan, state, output, tokens[output]);
            }

            if (drafts > 0)
            {
                RecordDrafts(plan, part, drafts, tokens);
            }

            EndScored(state);
        }
    }

    // The row of a draft is what a row of the sequence would have been if the token sampled before it is the draft; then its output is the sequence's next token.
    private void RecordDrafts(StepPlan plan, StepPlan.PlanPart part, int count, ReadOnlySpan<int> tokens)
    {
        var state = part.State;
        state.DraftsInFlight = 0; // Here and not for every plan: its rows before may lie in a plan of their own.
        var output = part.FirstOutput + part.OutputCount - count;
        var end = output + count;
        for (; output < end && state.Sequence.Status != SequenceStatus.Finished && IsRight(plan, output, tokens[output - 1]); output++)
        {
            _state.AcceptedDrafts++;
            state.Pending++;
            if (part.Epoch == state.Epoch)
            {
                state.Scheduled++;
                Compute(state, 1);
            }

            Record(plan, state, output, tokens[output]);
        }

        _state.DraftedTokens += count;
        if (output < end && part.Epoch == state.Epoch && _state.Faults.Has(PlantedBug.KeepWrongDraft))
        {
            Compute(state, 1);
        }
    }

    private bool IsRight(StepPlan plan, int output, int token) =>
        plan.TokenIds[plan.Outputs[output].Row] == token || _state.Faults.Has(PlantedBug.TrustDrafts);

    private void Discard(StepPlan.PlanPart part, ReadOnlySpan<int> tokens)
    {
        _state.Marks.Discarded += part.OutputCount;
        if (_state.Faults.Has(PlantedBug.EmitAfterEnd) && part.OutputCount > 0)
        {
            _state.Sink.OnToken(part.State.Sequence, tokens[part.FirstOutput], part.FirstOutput);
        }
    }

    private void Compute(SequenceState state, int rows)
    {
        state.Sequence.ComputedCount += rows;
        if (_state.Options.PrefixCaching && state.Module is null)
        {
            SealFullPages(state);
            _snapshots.MayTake(state);
        }

        if (state.Sequence.Choice == 0 && !state.Request.Forked && state.Sequence.ComputedCount >= state.Sequence.PromptCount && !state.ScoresOnly)
        {
            _forks.Fork(state.Request);
        }
    }

    private void SealFullPages(SequenceState state)
    {
        var tokens = state.Sequence.Tokens;
        var positions = state.Sequence.Positions;
        var chain = state.Prepare();
        var head = state.Table.HeadCount;
        var computed = _state.Faults.Has(PlantedBug.SealEarly) ? Math.Min(state.Sequence.TokenCount, state.Table.TokenCapacity) : state.Sequence.ComputedCount;
        for (; !state.Private && state.Table.HeadTokens + ((state.Sealed + 1) * PagePool.SlotsPerPage) <= computed; state.Sealed++)
        {
            var place = state.Sealed;
            var page = state.Table[head + place];
            PageId? parent = place == 0 ? null : state.Table[head + place - 1];
            var key = chain.KeyOf(place, tokens, positions);
            switch (_state.Cache.Seal(page, key, chain.Root, parent, chain.PartOf(place, tokens), chain.PartOf(place, positions), out var existing))
            {
                case SealResult.Duplicate:
                    _state.Marks.Duplicates++;
                    _state.Supply.Share(existing);
                    state.Table[head + place] = existing;
                    _state.Releases.Release(page);
                    break;
                case SealResult.Collision:
                    _state.Marks.Collisions++;
                    state.Private = true;
                    return;
            }
        }
    }

    private void Record(StepPlan plan, SequenceState state, int output, int token)
    {
        var planned = plan.Outputs[output];
        if (planned.Hidden >= 0)
        {
            _state.Sink.OnPromptEmbedded(state.Sequence, _state.Faults.Has(PlantedBug.FirstEmbedding) ? 0 : planned.Hidden);
            return;
        }

        if (planned.TargetToken >= 0)
        {
            var sequence = plan.Sequences[planned.SequenceIndex];
            _state.Sink.OnPromptScored(state.Sequence, sequence.FirstOrdinal + planned.Row - sequence.FirstRow + 1, output);
            return;
        }

        state.Pending--;
        state.Sequence.Append(token);
        _state.Queue.ChargeOutput(state.Request.Tenant);
        if (state.Sequence.Request.Sampling.StopsAt(token))
        {
            _endings.End(state, FinishReason.Stop, token, null);
            return;
        }

        Judge(state, _state.Sink.OnToken(state.Sequence, token, output));
    }

    private void Judge(SequenceState state, TokenVerdict verdict)
    {
        if (verdict == TokenVerdict.Abort)
        {
            _endings.EndRequest(state.Request, FinishReason.Failed, RequestError.SlowReader);
        }
        else if (verdict == TokenVerdict.Fault)
        {
            _endings.EndRequest(state.Request, FinishReason.Failed, RequestError.Internal);
        }
        else if (verdict == TokenVerdict.Stop)
        {
            _endings.End(state, FinishReason.Stop, null, null);
        }
        else if (state.Sequence.TokenCount >= state.Capacity)
        {
            _endings.End(state, FinishReason.Length, null, null);
        }
        else if (verdict == TokenVerdict.DeadEnd)
        {
            _endings.EndRequest(state.Request, FinishReason.Failed, RequestError.ConstraintUnsatisfiable);
        }
    }

    // A request that only scores its prompt ends with it, every choice of it; so does the encoding of a module.
    private void EndScored(SequenceState state)
    {
        if (!state.ScoresOnly || state.Sequence.ComputedCount < state.Sequence.PromptCount)
        {
            return;
        }

        if (state.Module is not null)
        {
            ModuleEncodings.End(state, _state);
        }
        else
        {
            _endings.EndRequest(state.Request, FinishReason.Length, null);
        }
    }
}
