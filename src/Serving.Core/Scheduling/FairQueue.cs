using Serving.Core.Tenancy;

namespace Serving.Core.Scheduling;

/// <summary>
/// Whose turn it is: the weighted Virtual Token Counter (Sheng et al., OSDI 2024). A tenant pays w_p per prompt token at admission and w_q per generated token, divided by its weight;
/// the tenant with the lowest counter goes next. One that rejoins is lifted to the lowest counter of those who wait, so that idleness saves up nothing.
/// Between two tenants that both wait all the time, weighted service differs by at most 2 · max(w_p · longest prompt, w_q · tokens in the batch).
/// </summary>
internal sealed class FairQueue
{
    private readonly Dictionary<string, TenantQueue> _byName = new(StringComparer.Ordinal);
    private readonly List<TenantQueue> _tenants = [];

    /// <summary>Those that have something waiting, in the same order: a step looks at no others, however many there have been.</summary>
    private readonly List<TenantQueue> _waiting = [];
    private readonly double _inputPrice;
    private readonly double _outputPrice;
    private TenantQueue? _lastDeparted;

    /// <summary>A queue without tenants.</summary>
    /// <param name="inputPrice">w_p.</param>
    /// <param name="outputPrice">w_q.</param>
    public FairQueue(double inputPrice, double outputPrice)
    {
        _inputPrice = inputPrice;
        _outputPrice = outputPrice;
    }

    /// <summary>Sequences waiting.</summary>
    public int Count { get; private set; }

    /// <summary>Every tenant that ever had a request, in the order of their first ones.</summary>
    public IReadOnlyList<TenantQueue> Tenants => _tenants;

    /// <summary>Those of them that have something waiting, in the same order.</summary>
    public IReadOnlyList<TenantQueue> Waiting => _waiting;

    /// <summary>Weights count as 1 and outputs as nothing: a mistake planted by the simulation.</summary>
    public bool Unfair { get; init; }

    /// <summary>One that rejoins is not lifted: a mistake planted by the simulation.</summary>
    public bool NoLift { get; init; }

    /// <summary>The queue of a tenant, with the tenant's newest weight.</summary>
    public TenantQueue Of(Tenant tenant)
    {
        if (!_byName.TryGetValue(tenant.Id.Value, out var queue))
        {
            queue = new TenantQueue(tenant) { Ordinal = _tenants.Count };
            _byName.Add(tenant.Id.Value, queue);
            _tenants.Add(queue);
        }

        queue.Tenant = tenant;
        return queue;
    }

    /// <summary>A new request's first sequence joins.</summary>
    public void Join(SequenceState state)
    {
        var tenant = state.Request.Tenant;
        if (tenant.Count == 0 && !NoLift)
        {
            var lift = LowestWaiting() ?? _lastDeparted;
            tenant.Counter = Math.Max(tenant.Counter, lift?.Counter ?? 0);
        }

        Return(state);
    }

    /// <summary>A preempted sequence, or a choice that found no room, waits; its tenant is not lifted, it never left.</summary>
    public void Return(SequenceState state)
    {
        var tenant = state.Request.Tenant;
        if (tenant.Count == 0)
        {
            tenant.Skipped = tenant.Held = 0;
            _waiting.Insert(~_waiting.BinarySearch(tenant, TenantQueue.ByOrdinal), tenant);
        }

        tenant.Add(state);
        Count++;
    }

    /// <summary>A sequence leaves: admitted or ended.</summary>
    public void Remove(SequenceState state)
    {
        var tenant = state.Request.Tenant;
        tenant.Remove(state);
        Count--;
        if (tenant.Count == 0)
        {
            _waiting.RemoveAt(_waiting.BinarySearch(tenant, TenantQueue.ByOrdinal));
            _lastDeparted = tenant;
        }
    }

    /// <summary>Starts to go through the waiting ones from the first.</summary>
    public void BeginPass()
    {
        foreach (var tenant in _waiting)
        {
            tenant.Skipped = tenant.Held = 0;
        }
    }

    /// <summary>The sequence whose turn it is among those that this pass has not skipped.</summary>
    /// <param name="depth">How many waiting sequences of one tenant are looked at, those that are held not counted.</param>
    public SequenceState? Next(int depth)
    {
        TenantQueue? next = null;
        foreach (var tenant in _waiting)
        {
            if (tenant.Skipped < tenant.Count && tenant.Skipped - tenant.Held < depth && (next is null || tenant.Counter < next.Counter))
            {
                next = tenant;
            }
        }

        return next?[next.Skipped];
    }

    /// <summary>This pass has nothing for the sequence whose turn it is.</summary>
    public static void Skip(SequenceState state) => state.Request.Tenant.Skipped++;

    /// <summary>Charges prompt tokens.</summary>
    public void ChargeInput(TenantQueue tenant, int tokens)
    {
        tenant.InputTokens += tokens;
        tenant.Counter += _inputPrice * tokens / (Unfair ? 1 : tenant.Tenant.Weight);
    }

    /// <summary>Charges a generated token.</summary>
    public void ChargeOutput(TenantQueue tenant)
    {
        tenant.OutputTokens++;
        tenant.Counter += Unfair ? 0 : _outputPrice / tenant.Tenant.Weight;
    }

    private TenantQueue? LowestWaiting()
    {
        TenantQueue? lowest = null;
        foreach (var tenant in _waiting)
        {
            lowest = lowest is null || tenant.Counter < lowest.Counter ? tenant : lowest;
        }

        return lowest;
    }
}
