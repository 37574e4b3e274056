using Serving.Core.Scheduling;

namespace Serving.Simulation.Model;

/// <summary>A plan between its <c>Schedule</c> and its <c>Complete</c>.</summary>
internal sealed class Flight
{
    private int[] _tokens = new int[64];

    /// <summary>The plan; null while this flight is idle.</summary>
    public StepPlan? Plan { get; private set; }

    /// <summary>Whether the device has computed it.</summary>
    public bool Executed { get; set; }

    /// <summary>One per output of the plan.</summary>
    public Span<int> Tokens => _tokens.AsSpan(0, Plan!.Outputs.Length);

    /// <summary>Starts a flight.</summary>
    public void Begin(StepPlan plan)
    {
        Plan = plan;
        Executed = false;
        if (_tokens.Length < plan.Outputs.Length)
        {
            _tokens = new int[plan.Outputs.Length * 2];
        }
    }

    /// <summary>Ends it.</summary>
    public void End() => Plan = null;
}
