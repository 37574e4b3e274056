using Serving.Simulation.Swarm;

namespace Serving.Simulation.Invariants;

/// <summary>The invariants of every run.</summary>
internal static class InvariantSet
{
    /// <summary>Fresh checkers for a run.</summary>
    public static Invariant[] Create(SwarmSettings settings) =>
    [
        new PageStates(settings.Pages),
        new PageReferences(settings.Pages),
        new SealedPagesAreTrue(settings.CollideKeys),
        new WritesArePrivate(settings.Pages),
        new SharedPagesOneOwner(settings.Pages),
        new StatesAreTrue(settings),
        new TableCoversSequence(settings.Pages),
        new AdapterPagesArePinned(),
        new OneTerminalEvent(),
        new AnswersOfOracle(),
        new BatchLimits(),
        new WorkConserving(),
        new HeldUntilReady(), // Before the next one, which notes who was preempted.
        new OldestNeverPreempted(),
        new AdmissionRules(),
        new DeadlinesHold(),
        new ReservationsHold(settings.TenantWeights.Length),
        new GaugesAreTrue(settings.TenantWeights.Length),
        new RowsAreTokens(),
        new FirstComeFirstServed(),
        new RetiredAdaptersLeave(),
        new ModulesAreTrue(),
        new Integrity(),
    ];
}
