using Serving.Core.Requests;
using Serving.Core.Scheduling;

namespace Serving.Simulation.Model;

/// <summary>A plan between its <c>Schedule</c> and its <c>Complete</c>.</summary>
internal sealed class Flight
{
    private int[] _tokens = new int[64];
    private ulong[] _counts = new ulong[64];
    private readonly List<ulong> _hidden = [];

    /// <summary>The plan; null while this flight is idle.</summary>
    public StepPlan? Plan { get; private set; }

    /// <summary>Whether the device has computed everything up to its logits.</summary>
    public bool Forwarded { get; set; }

    /// <summary>Whether the device has computed it.</summary>
    public bool Executed { get; set; }

    /// <summary>Outputs that were planned ahead of their masks.</summary>
    public int[] Late { get; private set; } = [];

    /// <summary>The masks that were there when the plan before was complete, by output; null as long as it is not.</summary>
    public int[]? Masked { get; private set; }

    /// <summary>One per output of the plan.</summary>
    public Span<int> Tokens => _tokens.AsSpan(0, Plan!.Outputs.Length);

    /// <summary>By output, what penalties count: the tokens that its sequence had when the plan took off. A token pending then is not among them.</summary>
    public ReadOnlySpan<ulong> Counts => _counts.AsSpan(0, Plan!.Outputs.Length);

    /// <summary>The recurrent states behind the plan's rows.</summary>
    public ulong[] Recurrent { get; private set; } = new ulong[64];

    /// <summary>The states of the outputs whose hidden state was asked for, in the plan's order.</summary>
    public IReadOnlyList<ulong> Hidden => _hidden;

    /// <summary>Gives a hidden state back.</summary>
    public void GiveHidden(int place, ulong state)
    {
        if (place != _hidden.Count)
        {
            throw new InvalidOperationException($"hidden state {place} is asked for after {_hidden.Count}");
        }

        _hidden.Add(state);
    }

    /// <summary>Starts a flight.</summary>
    public void Begin(StepPlan plan)
    {
        Plan = plan;
        Forwarded = Executed = false;
        _hidden.Clear();
        Late = plan.LateOutputs.ToArray();
        Masked = Late.Length == 0 ? [] : null;
        if (Recurrent.Length < plan.RowCount)
        {
            Recurrent = new ulong[plan.RowCount * 2];
        }

        if (_tokens.Length < plan.Outputs.Length)
        {
            _tokens = new int[plan.Outputs.Length * 2];
            _counts = new ulong[_tokens.Length];
        }

        for (var output = 0; output < plan.Outputs.Length; output++)
        {
            _counts[output] = CountsOf(plan, plan.Outputs[output]);
        }
    }

    /// <summary>The plan before is complete: sampling may begin, with the masks that are there of those that count.</summary>
    public void Release(Func<Sequence, bool> isReady) =>
        Masked ??= [.. Plan!.LateOutputs.ToArray().Where(output => isReady(Plan.Sequences[Plan.Outputs[output].SequenceIndex].Sequence))];

    /// <summary>Ends it.</summary>
    public void End() => Plan = null;

    // And the guesses that the output stands behind: it counts only if they come true.
    private static ulong CountsOf(StepPlan plan, PlannedOutput output)
    {
        var planned = plan.Sequences[output.SequenceIndex];
        var sequence = planned.Sequence;
        var counts = 0UL;
        if (!sequence.Request.Sampling.HasPenalties)
        {
            return counts;
        }

        for (var ordinal = sequence.PromptCount; ordinal < sequence.TokenCount; ordinal++)
        {
            counts += TokenRule.Count(sequence[ordinal]);
        }

        for (var row = planned.FirstRow + planned.RowCount - planned.DraftCount; row <= output.Row; row++)
        {
            counts += TokenRule.Count(plan.TokenIds[row]);
        }

        return counts;
    }
}
