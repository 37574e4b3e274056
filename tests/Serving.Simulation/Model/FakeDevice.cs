using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Simulation.Failures;
using Serving.Simulation.Modules;

namespace Serving.Simulation.Model;

/// <summary>
/// The device: computes plans in the order they were launched, at any time before they are completed. It reads every token back through the page table
/// that the plan hands over, so a wrong page, length, adapter or copy changes what it samples; and its recurrent state, if the model has one, through the versions that the plan names.
/// </summary>
internal sealed class FakeDevice(FakePages pages, AdapterSlots slots, SchemaLibrary schemas, int vocabulary, int statePages, PlantedBug bug)
{
    /// <summary>What an output is that was sampled without its mask: no token of the vocabulary.</summary>
    private const int Unmasked = int.MaxValue;

    private readonly Flight[] _flights = [new Flight(), new Flight()];
    private readonly int[] _previousTokens = new int[4096];

    /// <summary>Plans launched and not completed, at most 2.</summary>
    public int InFlight { get; private set; }

    /// <summary>The oldest plan in flight.</summary>
    public Flight Oldest => _flights[0];

    /// <summary>The newest plan in flight.</summary>
    public Flight Newest => _flights[InFlight - 1];

    /// <summary>Tokens sampled since the start.</summary>
    public long Sampled { get; private set; }

    /// <summary>Takes a plan.</summary>
    public void Launch(StepPlan plan) => _flights[InFlight++].Begin(plan);

    /// <summary>Computes everything launched so far; a plan that lacks masks up to its logits.</summary>
    public void Execute()
    {
        for (var index = 0; index < InFlight; index++)
        {
            if (!_flights[index].Executed)
            {
                Execute(_flights[index]);
            }
        }
    }

    /// <summary>The masks that the newest plan lacked are there, as far as they will be.</summary>
    public void Release(Func<Sequence, bool> isReady)
    {
        if (InFlight > 0)
        {
            Newest.Release(isReady);
        }
    }

    /// <summary>Forgets the oldest plan after its completion.</summary>
    public void Retire()
    {
        _flights[0].End();
        (_flights[0], _flights[1]) = (_flights[1], _flights[0]);
        InFlight--;
    }

    private void Execute(Flight flight)
    {
        if (!flight.Forwarded)
        {
            Forward(flight);
            flight.Forwarded = true;
        }

        if (flight.Masked is null)
        {
            return;
        }

        Read(flight);
        flight.Tokens.CopyTo(_previousTokens);
        flight.Executed = true;
    }

    private void Forward(Flight flight)
    {
        var plan = flight.Plan!;
        foreach (var copy in plan.Copies)
        {
            pages.Copy(copy);
        }

        foreach (ref readonly var sequence in plan.Sequences)
        {
            Append(flight, plan, in sequence);
        }
    }

    private void Append(Flight flight, StepPlan plan, in PlannedSequence sequence)
    {
        var request = sequence.Sequence.Request;
        var adapter = slots.Use(sequence.AdapterSlot, request.Adapter?.Digest ?? Digest.None);
        var salt = SaltOf(sequence.Sequence);
        var cursor = new TableCursor(plan.Pages.Slice(sequence.FirstPage, sequence.PageCount));
        var state = TokenRule.Start;
        for (var ordinal = 0; ordinal < sequence.FirstOrdinal; ordinal++)
        {
            state = pages.Read(state, cursor.Page, cursor.Slot, adapter, salt);
            cursor.Skip(1);
        }

        var recurrent = sequence.StateRead < 0 ? TokenRule.Blank : pages.States.Read(plan.StatePages.Slice(sequence.StateRead, statePages), adapter, salt);
        for (var index = 0; index < sequence.RowCount; index++)
        {
            var row = sequence.FirstRow + index;
            var token = plan.TokenIds[row];
            token = token < 0 ? _previousTokens[~token] : token;
            var content = TokenRule.Content(state, token, plan.Positions[row]);
            content = statePages > 0 ? TokenRule.Content(content, recurrent) : content;
            pages.Write(cursor.Page, cursor.Slot, token, plan.Positions[row], adapter, salt, content);
            state = TokenRule.Read(state, content);
            recurrent = TokenRule.Remember(recurrent, content);
            flight.Recurrent[row] = recurrent;
            cursor.Skip(1);
        }

        if (statePages > 0)
        {
            pages.WriteState(plan.StatePages.Slice(sequence.StateWrite, statePages), recurrent, adapter, salt);
        }
    }

    private void Read(Flight flight)
    {
        var plan = flight.Plan!;
        var current = -1;
        var cursor = default(TableCursor);
        var state = 0UL;
        var ordinal = 0;
        for (var index = 0; index < plan.Outputs.Length; index++)
        {
            var output = plan.Outputs[index];
            var sequence = plan.Sequences[output.SequenceIndex];
            if (output.SequenceIndex != current)
            {
                current = output.SequenceIndex;
                cursor = new TableCursor(plan.Pages.Slice(sequence.FirstPage, sequence.PageCount));
                state = TokenRule.Start;
                ordinal = 0;
            }

            var request = sequence.Sequence.Request;
            var adapter = request.Adapter is { } lora ? Fingerprint.Of(lora.Digest) : 0;
            var salt = SaltOf(sequence.Sequence);
            var last = sequence.FirstOrdinal + output.Row - sequence.FirstRow;
            for (; ordinal <= last; ordinal++)
            {
                state = pages.Read(state, cursor.Page, cursor.Slot, adapter, salt);
                cursor.Skip(1);
            }

            var seen = statePages > 0 ? TokenRule.See(state, flight.Recurrent[output.Row]) : state;
            if (output.Hidden >= 0)
            {
                flight.GiveHidden(output.Hidden, seen);
            }

            flight.Tokens[index] = output.TargetToken >= 0 ? output.TargetToken
                : flight.Late.Contains(index) && !flight.Masked.Contains(index) ? Unmasked
                : Sample(seen, adapter, flight.Counts[index] + PendingCount(plan.TokenIds[output.Row], sequence.Sequence), sequence.Sequence, output.OutputIndex);
        }
    }

    private ulong SaltOf(Sequence sequence) =>
        sequence.Module is { } module && schemas.IsPublic(module) ? FakePages.PublicSalt : Fingerprint.Of(sequence.Request.Tenant.Salt);

    // The token of a row that the plan does not name: whoever counted did not know it.
    private ulong PendingCount(int token, Sequence sequence) =>
        token < 0 && sequence.Request.Sampling.HasPenalties && bug != PlantedBug.DropPending ? TokenRule.Count(_previousTokens[~token]) : 0;

    private int Sample(ulong state, ulong adapter, ulong counts, Sequence sequence, int outputIndex)
    {
        Sampled++;
        return TokenRule.Sample(state, adapter, counts, sequence.Request.Sampling.Seed, sequence.Choice, outputIndex, vocabulary);
    }
}
