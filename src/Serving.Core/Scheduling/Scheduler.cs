using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Tenancy;

namespace Serving.Core.Scheduling;

/// <summary>
/// Decides what each step computes and records what it did. A sequence has a number of computed tokens that catches up with its total; there is no prefill phase and no decode phase.
/// Pure: the same calls give the same plans. Time is microseconds from an arbitrary start. One thread.
/// </summary>
public sealed class Scheduler
{
    private readonly SchedulerState _state;
    private readonly Endings _endings;
    private readonly Deadlines _deadlines;
    private readonly Preemption _preemption;
    private readonly Packing _packing;
    private readonly Admission _admission;
    private readonly ModulePins _pins;
    private readonly Drafting _drafting;
    private readonly StepCost _cost = new();
    private readonly PlanWriter _writer;
    private readonly Completion _completion;
    private readonly LateOutputs _late;
    private readonly StepPlan[] _plans;
    private long _scheduled;
    private long _completed;
    private bool _draining;

    /// <summary>An idle scheduler over an empty pool.</summary>
    /// <param name="options">Sizes and prices.</param>
    /// <param name="sink">Where results go.</param>
    public Scheduler(SchedulerOptions options, ISchedulerSink sink)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(sink);
        _state = new SchedulerState(options, sink);
        _endings = new Endings(_state);
        _deadlines = new Deadlines(_state, _endings);
        _preemption = new Preemption(_state);
        _packing = new Packing(_state, _preemption);
        _admission = new Admission(_state, _packing, new ModuleEncodings(_state, _packing));
        _pins = new ModulePins(_state, _admission);
        _drafting = new Drafting(_state, _packing, _cost);
        _writer = new PlanWriter(_state);
        _completion = new Completion(_state, _endings, new Forks(_state));
        _late = new LateOutputs(_state);
        _plans = [new StepPlan(options), new StepPlan(options)];
    }

    /// <summary>Whether every accepted request has ended.</summary>
    public bool IsIdle => _state.Requests.Count == 0;

    /// <summary>When <see cref="Schedule"/> is to be called at the latest, for a deadline to be kept; <see cref="long.MaxValue"/> when there is none.</summary>
    public long NextDeadline => _deadlines.Next;

    /// <summary>What the simulation looks at.</summary>
    internal SchedulerState State => _state;

    /// <summary>Accepts a request, or says why not.</summary>
    /// <returns>
    /// Null when accepted; Draining, NotSupported (a prompt with imports is not scored, and a model with a recurrent state takes none; one that is embedded generates nothing, has one choice and is
    /// not scored), ContextTooLong (it can never fit), QueueFull.
    /// </returns>
    public RequestError? Submit(Request request, long now)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (_draining && !_state.Faults.Has(PlantedBug.AcceptWhileDraining))
        {
            return RequestError.Draining;
        }

        if (request.Imports.Count > 0 && (request.ScorePrompt || _state.Options.StatePages > 0))
        {
            return RequestError.NotSupported; // The rows of what is imported are not computed; what a module leaves in a recurrent state depends on all before it.
        }

        if (request.EmbedPrompt && (request.Sampling.MaxTokens > 0 || request.Choices > 1 || request.ScorePrompt))
        {
            return RequestError.NotSupported;
        }

        if (!RequestSize.Fits(request, _state.Options, _state.PinnedPages))
        {
            return RequestError.ContextTooLong;
        }

        if (_state.QueuedRequests >= _state.Options.MaxQueuedRequests)
        {
            return RequestError.QueueFull;
        }

        Accept(request);
        return null;
    }

    /// <summary>Ends a request on its client's wish, wherever it is: its terminal events are given at once, its pages are free as soon as no plan in flight names them.</summary>
    /// <returns>False when there is no such request, or it has ended.</returns>
    public bool Cancel(RequestId id)
    {
        if (!_state.Requests.TryGetValue(id, out var request))
        {
            return false;
        }

        if (!_state.Faults.Has(PlantedBug.LostCancel) || request.Choices[0].Sequence.Status != SequenceStatus.Preempted)
        {
            _endings.EndRequest(request, FinishReason.Cancelled, RequestError.Cancelled);
        }

        return true;
    }

    /// <summary>An ordered load is in its pages.</summary>
    public void AdapterReady(Digest digest) => _state.Adapters.Ready(digest);

    /// <summary>An ordered load failed: requests that wait for it end with <paramref name="error"/>; its pages and slot are free.</summary>
    public void AdapterFailed(Digest digest, RequestError error)
    {
        _pins.RemoveUnder(digest);
        if (_state.Adapters.Failed(digest) is not { } entry)
        {
            return;
        }

        foreach (var request in InOrder(request => request.Choices.Any(choice => choice.Queued && choice.Adapter == entry)))
        {
            _endings.EndRequest(request, FinishReason.Failed, error);
        }
    }

    /// <summary>An adapter was unloaded or replaced on disk: it is dropped as soon as nobody runs with it or waits for it.</summary>
    public void RetireAdapter(Digest digest)
    {
        _state.Marks.RetiredInUse += _state.Adapters.Find(digest) is { Users: > 0 } ? 1 : 0;
        _pins.RemoveUnder(digest);
        _state.Adapters.Retire(digest);
    }

    /// <summary>An ordered copy of a module's pages is there.</summary>
    public void ModuleTransferred(long number) => _state.Modules.EndTransfer(number, failed: false);

    /// <summary>An ordered copy of a module's pages could not be made: those who wait for it have it encoded.</summary>
    public void ModuleTransferFailed(long number) => _state.Modules.EndTransfer(number, failed: true);

    /// <summary>
    /// Keeps a module in the pool from now on: it is encoded when nothing else wants to run, and never evicted. A pin ends with its adapter: when that is replaced, or cannot be loaded.
    /// </summary>
    /// <param name="module">The module.</param>
    /// <param name="tenant">Whose turn and charge it is.</param>
    /// <param name="adapter">The adapter that it is used with; null for the base model.</param>
    /// <returns>False when pinned modules would take more than their share of the pool, or room that an accepted request needs; and of a model with a recurrent state, which imports none.</returns>
    public bool PinModule(ModuleRef module, Tenant tenant, AdapterRef? adapter)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(tenant);
        return _state.Options.StatePages == 0 && _pins.Add(module, tenant, adapter);
    }

    /// <summary>Ends a pin; the module stays as long as its value says.</summary>
    public void UnpinModule(ModuleRef module, AdapterRef? adapter)
    {
        ArgumentNullException.ThrowIfNull(module);
        _pins.Remove(module, adapter);
    }

    /// <summary>Decides the next step. May be called once before the plan before is complete; that one's tokens then count as pending.</summary>
    /// <returns>Null when there is nothing to run now.</returns>
    public StepPlan? Schedule(long now)
    {
        if (_state.Releases.InFlight == DeferredReleases.MaxInFlight)
        {
            throw new InvalidOperationException("Two plans are in flight: complete the older one first.");
        }

        _deadlines.Expire(now);
        ForceRareBranches();
        while (_state.Modules.NextCopy() is { } copy)
        {
            _state.Sink.OnModuleTransfer(copy);
        }

        _packing.PackRunning();
        if (!_packing.Preempted)
        {
            _admission.Run();
        }

        if (!_packing.Any && !_draining)
        {
            _pins.Run();
        }

        if (!_packing.Any)
        {
            return null;
        }

        _drafting.Run();
        var plan = _plans[++_scheduled & 1];
        plan.Begin(_scheduled, now);
        _state.Releases.Begin(_scheduled);
        _writer.Write(plan);
        return plan;
    }

    /// <summary>Records what a plan did, and settles which of the <see cref="StepPlan.LateOutputs"/> of the plan behind it count.</summary>
    /// <param name="plan">The oldest plan in flight.</param>
    /// <param name="tokens">One token per output of the plan; those of scored ones are not looked at.</param>
    /// <param name="now">The time.</param>
    public void Complete(StepPlan plan, ReadOnlySpan<int> tokens, long now)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (plan.Number <= _completed)
        {
            return; // The device was lost while this plan was in flight: everyone was told, nothing of it counts.
        }

        if (plan.Number != _completed + 1 || tokens.Length != plan.Outputs.Length)
        {
            throw new ArgumentException($"Plan {plan.Number} with {tokens.Length} tokens is not the oldest in flight or has not that many outputs.", nameof(plan));
        }

        _completed = plan.Number;
        _cost.Observe(plan.RowCount, now - plan.ScheduledAt);
        _state.Releases.End(plan.Number);
        _completion.Complete(plan, tokens);
        if (_scheduled > _completed)
        {
            _late.Settle(_plans[_scheduled & 1]);
        }
    }

    /// <summary>The device is lost with all it held: every request ends with <paramref name="error"/>, plans in flight are forgotten, pages are free except those that a load or a copy still uses.</summary>
    public void Fail(RequestError error)
    {
        _completed = _scheduled;
        _state.Releases.Abandon();
        foreach (var request in InOrder(static _ => true))
        {
            _endings.EndRequest(request, FinishReason.Failed, error);
        }

        _pins.Suspend();
        _state.Adapters.AbandonLoads();
        _state.Modules.Lose();
        while (_state.Economy.EvictLowest())
        {
        }

        _pins.Resume();
    }

    /// <summary>Refuses new requests from now on; accepted ones finish.</summary>
    public void BeginDrain() => _draining = true;

    /// <summary>Gauges and counters.</summary>
    public SchedulerSnapshot Snapshot() => Snapshots.Take(_state, _scheduled);

    /// <summary>Throws for the first violated invariant.</summary>
    public void CheckIntegrity() => SchedulerIntegrity.Check(_state);

    private void Accept(Request request)
    {
        var root = PrefixKeys.Root(
            _state.Options.ModelRevision,
            _state.Faults.Has(PlantedBug.DropDigest) ? Digest.None : request.Adapter?.Digest ?? Digest.None,
            _state.Faults.Has(PlantedBug.DropSalt) ? Digest.None : request.Tenant.Salt);
        Digest[] imports = _state.Faults.Has(PlantedBug.DropImports) ? [] : [.. request.Imports.Select(static import => import.Key)];
        var accepted = new RequestState(request, _state.Queue.Of(request.Tenant), PrefixKeys.RootBehind(root, imports))
        {
            FillsHead = _state.Faults.Has(PlantedBug.FillPartialPage),
        };
        _state.Requests.Add(request.Id, accepted);
        _state.QueuedRequests++;
        _state.Await(accepted.Choices[0]);
        _state.Queue.Join(accepted.Choices[0]);
        _deadlines.Add(request);
    }

    private void ForceRareBranches()
    {
        if (_state.Faults.PreemptNow() && _state.Running.Count > 0 && _preemption.SelectVictim(_state.Running[0]) is { } victim)
        {
            _preemption.Preempt(victim);
        }

        if (_state.Faults.EvictNow())
        {
            _state.Economy.EvictLowest();
        }
    }

    private List<RequestState> InOrder(Func<RequestState, bool> which) =>
        [.. _state.Requests.Values.Where(which).OrderBy(static request => request.Request.Id.Value)];
}
