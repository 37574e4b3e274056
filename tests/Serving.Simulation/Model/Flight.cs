using Serving.Core.Requests;
using Serving.Core.Scheduling;

namespace Serving.Simulation.Model;

/// <summary>A plan between its <c>Schedule</c> and its <c>Complete</c>.</summary>
internal sealed class Flight
{
    private int[] _tokens = new int[64];
    private ulong[] _counts = new ulong[64];

    /// <summary>The plan; null while this flight is idle.</summary>
    public StepPlan? Plan { get; private set; }

    /// <summary>Whether the device has computed it.</summary>
    public bool Executed { get; set; }

    /// <summary>One per output of the plan.</summary>
    public Span<int> Tokens => _tokens.AsSpan(0, Plan!.Outputs.Length);

    /// <summary>By output, what penalties count: the tokens that its sequence had when the plan took off. A token pending then is not among them.</summary>
    public ReadOnlySpan<ulong> Counts => _counts.AsSpan(0, Plan!.Outputs.Length);

    /// <summary>Starts a flight.</summary>
    public void Begin(StepPlan plan)
    {
        Plan = plan;
        Executed = false;
        if (_tokens.Length < plan.Outputs.Length)
        {
            _tokens = new int[plan.Outputs.Length * 2];
            _counts = new ulong[_tokens.Length];
        }

        for (var output = 0; output < plan.Outputs.Length; output++)
        {
            _counts[output] = CountsOf(plan.Sequences[plan.Outputs[output].SequenceIndex].Sequence);
        }
    }

    /// <summary>Ends it.</summary>
    public void End() => Plan = null;

    private static ulong CountsOf(Sequence sequence)
    {
        var counts = 0UL;
        for (var ordinal = sequence.PromptCount; sequence.Request.Sampling.HasPenalties && ordinal < sequence.TokenCount; ordinal++)
        {
            counts += TokenRule.Count(sequence[ordinal]);
        }

        return counts;
    }
}
