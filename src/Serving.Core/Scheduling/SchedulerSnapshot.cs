using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Tenancy;

namespace Serving.Core.Scheduling;

/// <summary>A scheduler at one moment: gauges, and counters since it was created.</summary>
public sealed record SchedulerSnapshot
{
    /// <summary>Sequences waiting, preempted ones included.</summary>
    public required int Waiting { get; init; }

    /// <summary>Sequences running.</summary>
    public required int Running { get; init; }

    /// <summary>Requests accepted and not ended.</summary>
    public required int Requests { get; init; }

    /// <summary>All pages.</summary>
    public required int TotalPages { get; init; }

    /// <summary>Pages that hold nothing.</summary>
    public required int FreePages { get; init; }

    /// <summary>Pages held by sequences, adapters and modules (idle ones included) or plans in flight.</summary>
    public required int LeasedPages { get; init; }

    /// <summary>Pages that nobody holds, kept for their content.</summary>
    public required int CachedPages { get; init; }

    /// <summary>Pages held by resident and loading adapters.</summary>
    public required int AdapterPages { get; init; }

    /// <summary>Pages that running sequences hold for their recurrent states.</summary>
    public required int StatePages { get; init; }

    /// <summary>Snapshots of recurrent states in the prefix cache.</summary>
    public required int StateSnapshots { get; init; }

    /// <summary>Snapshots taken so far.</summary>
    public required long StateSnapshotsTaken { get; init; }

    /// <summary>Snapshots evicted so far.</summary>
    public required long StateSnapshotEvictions { get; init; }

    /// <summary>Prompt modules resident.</summary>
    public required int Modules { get; init; }

    /// <summary>Prompt modules being encoded.</summary>
    public required int EncodingModules { get; init; }

    /// <summary>Pages held by resident and loading modules, idle ones included; each once, however many sequences read it.</summary>
    public required int ModulePages { get; init; }

    /// <summary>Pages that pinned modules take or will take: nobody else gets them.</summary>
    public required int PinnedPages { get; init; }

    /// <summary>Pages of host memory that hold copies of modules.</summary>
    public required int HostPages { get; init; }

    /// <summary>Imports of requests that were found: in the pool, on their way there, or in host memory.</summary>
    public required long ModuleHits { get; init; }

    /// <summary>Prompt tokens in them.</summary>
    public required long ModuleHitTokens { get; init; }

    /// <summary>Modules encoded so far.</summary>
    public required long ModuleEncodes { get; init; }

    /// <summary>Modules loaded from host memory so far.</summary>
    public required long ModuleLoads { get; init; }

    /// <summary>Idle modules evicted so far.</summary>
    public required long ModuleEvictions { get; init; }

    /// <summary>Plans made so far.</summary>
    public required long Steps { get; init; }

    /// <summary>Preemptions so far.</summary>
    public required long Preemptions { get; init; }

    /// <summary>Guesses of coming tokens computed so far.</summary>
    public required long DraftedTokens { get; init; }

    /// <summary>Those that came true: tokens that took no step of their own.</summary>
    public required long AcceptedDrafts { get; init; }

    /// <summary>Prompt tokens looked up in the prefix cache so far; imported ones are not.</summary>
    public required long PrefixQueries { get; init; }

    /// <summary>Prompt tokens found there.</summary>
    public required long PrefixHits { get; init; }

    /// <summary>Prefix pages evicted so far.</summary>
    public required long PrefixEvictions { get; init; }

    /// <summary>Adapter loads ordered so far.</summary>
    public required long AdapterLoads { get; init; }

    /// <summary>Idle adapters evicted so far.</summary>
    public required long AdapterEvictions { get; init; }

    /// <summary>Adapters that are resident or loading, by slot, then those that are only waited for.</summary>
    public required IReadOnlyList<AdapterSnapshot> Adapters { get; init; }

    /// <summary>Tenants that ever had a request.</summary>
    public required IReadOnlyList<TenantSnapshot> Tenants { get; init; }
}

/// <summary>An adapter in the pool, on its way there, or waited for.</summary>
/// <param name="Digest">Identity.</param>
/// <param name="State">Resident, loading, or registered: waited for.</param>
/// <param name="Slot">Its slot; -1 when it is only waited for.</param>
/// <param name="Pages">Pages it holds.</param>
/// <param name="Users">Sequences that run with it, and those that plans in flight still name.</param>
/// <param name="Waiters">Sequences that wait for it or will.</param>
/// <param name="IdleValue">Its value in the eviction economy; 0 unless it is idle.</param>
public readonly record struct AdapterSnapshot(Digest Digest, AdapterState State, int Slot, int Pages, int Users, int Waiters, double IdleValue);

/// <summary>A tenant's share.</summary>
/// <param name="Id">The tenant.</param>
/// <param name="Running">Sequences running.</param>
/// <param name="Waiting">Sequences waiting.</param>
/// <param name="InputTokens">Prompt tokens charged so far: all but those taken from the prefix cache.</param>
/// <param name="OutputTokens">Tokens generated so far.</param>
/// <param name="Counter">Its virtual token counter.</param>
public readonly record struct TenantSnapshot(TenantId Id, int Running, int Waiting, long InputTokens, long OutputTokens, double Counter);
