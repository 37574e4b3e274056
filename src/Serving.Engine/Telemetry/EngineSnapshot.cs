namespace Serving.Engine.Telemetry;

/// <summary>An adapter in the pool or on its way there.</summary>
/// <param name="Name">tenant/name, or name when shared (admins and metrics only).</param>
/// <param name="OpaqueId">A stable id that tells nothing about its owner.</param>
/// <param name="State">"loading", "resident" …</param>
/// <param name="Pages">Pages it holds.</param>
/// <param name="Running">Sequences running with it.</param>
/// <param name="Waiting">Requests waiting for it.</param>
/// <param name="Rank">Its largest rank.</param>
public sealed record AdapterStatus(string Name, string OpaqueId, string State, int Pages, int Running, int Waiting, int Rank);

/// <summary>A tenant's share of the engine now.</summary>
public sealed record TenantStatus(string Id, int Running, int Waiting, long PromptTokens, long GenerationTokens);

/// <summary>The engine at one moment: immutable, swapped at most every 50 ms while steps run.</summary>
public sealed record EngineSnapshot
{
    /// <summary>Requests waiting.</summary>
    public int Waiting { get; init; }

    /// <summary>Requests running.</summary>
    public int Running { get; init; }

    /// <summary>Pages holding nothing.</summary>
    public int FreePages { get; init; }

    /// <summary>Pages in use by running sequences.</summary>
    public int SequencePages { get; init; }

    /// <summary>Those of them that hold recurrent states.</summary>
    public int StatePages { get; init; }

    /// <summary>Idle pages kept for their content (prefix cache).</summary>
    public int CachedPages { get; init; }

    /// <summary>Pages held by adapters, idle ones included.</summary>
    public int AdapterPages { get; init; }

    /// <summary>Pages held by prompt modules, idle ones included; each once, however many sequences read it.</summary>
    public int ModulePages { get; init; }

    /// <summary>Pages that pinned modules take or will take.</summary>
    public int PinnedModulePages { get; init; }

    /// <summary>Prompt modules in the pool.</summary>
    public int Modules { get; init; }

    /// <summary>Prompt modules being encoded.</summary>
    public int EncodingModules { get; init; }

    /// <summary>Bytes of copies of prompt modules in host memory.</summary>
    public long ModuleHostBytes { get; init; }

    /// <summary>Imports of requests found in the pool, on their way there, or in host memory, so far.</summary>
    public long ModuleHits { get; init; }

    /// <summary>Prompt modules encoded so far.</summary>
    public long ModuleEncodes { get; init; }

    /// <summary>Prompt modules brought back from host memory so far.</summary>
    public long ModuleLoads { get; init; }

    /// <summary>Idle prompt modules evicted from the pool so far.</summary>
    public long ModuleEvictions { get; init; }

    /// <summary>All pages.</summary>
    public int TotalPages { get; init; }

    /// <summary>Bytes of adapter pages that hold nothing, as a share of all adapter pages.</summary>
    public double AdapterPageWaste { get; init; }

    /// <summary>Steps done.</summary>
    public long Steps { get; init; }

    /// <summary>Preemptions so far.</summary>
    public long Preemptions { get; init; }

    /// <summary>Guesses of coming tokens computed so far.</summary>
    public long DraftedTokens { get; init; }

    /// <summary>Those that came true.</summary>
    public long AcceptedDrafts { get; init; }

    /// <summary>Prompt tokens looked up in the prefix cache so far.</summary>
    public long PrefixCacheQueries { get; init; }

    /// <summary>Prompt tokens found there.</summary>
    public long PrefixCacheHits { get; init; }

    /// <summary>Prompt tokens computed or found.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Tokens generated.</summary>
    public long GenerationTokens { get; init; }

    /// <summary>Adapters loaded into the pool so far.</summary>
    public long AdapterLoads { get; init; }

    /// <summary>Idle adapters evicted so far.</summary>
    public long AdapterEvictions { get; init; }

    /// <summary>Bytes of adapters loaded so far.</summary>
    public long AdapterLoadBytes { get; init; }

    /// <summary>Adapters known, resident or not.</summary>
    public int RegisteredAdapters { get; init; }

    /// <summary>How the disk that adapters lie on does.</summary>
    public Loading.Adapters.AdapterDisk AdapterDisk { get; init; }

    /// <summary>Adapters resident, loading or waited for.</summary>
    public IReadOnlyList<AdapterStatus> Adapters { get; init; } = [];

    /// <summary>Tenants that have had requests.</summary>
    public IReadOnlyList<TenantStatus> Tenants { get; init; } = [];
}
