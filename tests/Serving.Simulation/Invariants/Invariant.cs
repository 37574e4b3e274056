using Serving.Core.Adapters;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Core.Tenancy;
using Serving.Simulation.Failures;
using Serving.Simulation.Oracle;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>Something that holds at all times. Each checker looks at what it needs and throws <see cref="InvariantViolation"/>.</summary>
/// <param name="name">Number and name, as reports show it.</param>
internal abstract class Invariant(string name)
{
    /// <summary>Number and name.</summary>
    public string Name { get; } = name;

    /// <summary>The gates in front of the scheduler let a request in, or refused it.</summary>
    public virtual void OnAdmission(World world, SimRequest request, AdmissionDecision decision)
    {
    }

    /// <summary>A request was submitted; null is accepted.</summary>
    public virtual void OnSubmitted(World world, SimRequest request, RequestError? error)
    {
    }

    /// <summary>A plan was scheduled, or none; the device does not have it yet.</summary>
    public virtual void OnScheduled(World world, StepPlan? plan)
    {
    }

    /// <summary>The scheduler asks whether a sequence is ready.</summary>
    public virtual void OnReadiness(World world, SequenceTrack track)
    {
    }

    /// <summary>A token was reported.</summary>
    public virtual void OnToken(World world, SequenceTrack track, int token, int output)
    {
    }

    /// <summary>A prompt token was scored.</summary>
    public virtual void OnScored(World world, SequenceTrack track, int ordinal)
    {
    }

    /// <summary>The hidden state of a prompt's last token came.</summary>
    public virtual void OnEmbedded(World world, SequenceTrack track, int hidden)
    {
    }

    /// <summary>A terminal event came.</summary>
    public virtual void OnFinished(World world, SequenceTrack track, FinishReason reason, int? stopToken, RequestError? error)
    {
    }

    /// <summary>A load was ordered.</summary>
    public virtual void OnLoad(World world, AdapterLoad load)
    {
    }

    /// <summary>A copy of a module was ordered.</summary>
    public virtual void OnTransfer(World world, ModuleTransfer transfer)
    {
    }

    /// <summary>A step is over. The costly checks run when <paramref name="full"/>.</summary>
    public virtual void AfterStep(World world, bool full)
    {
    }

    /// <summary>Nothing is left to do: every request has its answer.</summary>
    public virtual void AtRest(World world)
    {
    }

    /// <summary>The violation of this invariant.</summary>
    protected InvariantViolation Violated(string message) => new(Name, message);
}
