using Serving.Core.Requests;

namespace Serving.Core.Scheduling;

/// <summary>
/// Who gives up its pages when they run out, and how. The newest sequence of the tenant that holds most pages for its weight; the oldest running one never does, so that
/// something always finishes. What a preempted sequence has generated is kept and recomputed later.
/// </summary>
internal sealed class Preemption
{
    /// <summary>
    /// Preemptions of one sequence in favour of newer ones; after that only an older one takes its pages, and it comes back only when all it may come to hold
    /// fits beside those that run. Eight keeps the recomputed work small against the rest and is rarely reached.
    /// </summary>
    public const int MaxPreemptions = 8;

    private readonly SchedulerState _state;

    /// <summary>Preemption in a scheduler.</summary>
    public Preemption(SchedulerState state) => _state = state;

    /// <summary>Who gives up its pages for <paramref name="requester"/>, perhaps itself; null when nobody may.</summary>
    public SequenceState? SelectVictim(SequenceState requester)
    {
        var running = _state.Running;
        if (_state.Faults.Has(PlantedBug.PreemptOldest))
        {
            return running.Count > 1 ? running[0] : null;
        }

        CountPages();
        SequenceState? victim = null;
        for (var i = 1; i < running.Count; i++)
        {
            var candidate = running[i];
            var spared = candidate.Preemptions >= MaxPreemptions && SchedulerState.IsOlder(candidate, requester);
            if (!spared && (victim is null || ShareOf(candidate) >= ShareOf(victim)))
            {
                victim = candidate;
            }
        }

        return victim;
    }

    /// <summary>Takes a running sequence's pages and puts it back into the queue.</summary>
    public void Preempt(SequenceState victim)
    {
        _state.Marks.Preempted++;
        _state.Marks.PreemptedInFlight += victim.InFlight > 0 ? 1 : 0;
        victim.Preemptions++;
        if (victim.Module is { } module)
        {
            _state.Marks.EncodesPreempted++;
            module.Preemptions++;
            _state.StopEncoding(module);
            return;
        }

        if (_state.Faults.Has(PlantedBug.LeakOnPreempt))
        {
            victim.Table.RemoveLast();
        }

        if (_state.Faults.Has(PlantedBug.LeakVersion))
        {
            victim.States?.Forget();
        }

        // It waits for its adapter before it stops using it: one that was replaced on disk is dropped, for good, when nobody does either. Its modules likewise.
        _state.Await(victim);
        var (adapter, imports) = (victim.Adapter, victim.Imports);
        _state.Stop(victim);
        victim.Sequence.Status = SequenceStatus.Preempted;
        victim.Sequence.ComputedCount = 0;
        victim.Adapter = adapter;
        victim.Imports = imports;
        _state.Queue.Return(victim);
    }

    private static double ShareOf(SequenceState state) => state.Request.Tenant.HeldPages / state.Request.Tenant.Tenant.Weight;

    private void CountPages()
    {
        foreach (var state in _state.Running)
        {
            state.Request.Tenant.HeldPages = 0;
        }

        foreach (var state in _state.Running)
        {
            state.Request.Tenant.HeldPages += state.HeldPages;
        }
    }
}
