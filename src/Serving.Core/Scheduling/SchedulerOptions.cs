using Serving.Core.Memory;

namespace Serving.Core.Scheduling;

/// <summary>What a scheduler is created with; nothing of it changes afterwards.</summary>
public sealed record SchedulerOptions
{
    /// <summary>Pages of the pool.</summary>
    public required int PageCount { get; init; }

    /// <summary>Tokens of prompt and output that one sequence may hold.</summary>
    public required int MaxModelLength { get; init; }

    /// <summary>
    /// Pages that a version of a sequence's recurrent state takes; 0 of models in which every layer attends. A running sequence holds two versions. With such a state nothing is guessed
    /// ahead, and requests that import modules are refused.
    /// </summary>
    public int StatePages { get; init; }

    /// <summary>
    /// Tokens behind the snapshot found from which on another one of a recurrent state is taken: a prompt is cut there, which is a step more, and a step reads all weights however few rows it has. The
    /// default is several times the rows whose products take as long on a CPU.
    /// </summary>
    public int MinSnapshotTokens { get; init; } = 64;

    /// <summary>Sequences that run at once.</summary>
    public int MaxSequences { get; init; } = 64;

    /// <summary>Tokens computed per step; at most that many sequences run at once, too, so that each gets a row.</summary>
    public int MaxBatchedTokens { get; init; } = 256;

    /// <summary>Guesses of coming tokens that a sequence may compute in a step beside its next one; 0 is none.</summary>
    public int MaxDraftTokens { get; init; }

    /// <summary>Requests that wait for their first admission; one more is refused.</summary>
    public int MaxQueuedRequests { get; init; } = 1024;

    /// <summary>Adapters that are resident or loading at once; 0 serves the base model only.</summary>
    public int AdapterSlots { get; init; } = 64;

    /// <summary>Different adapters that run at once: a step reads each of them.</summary>
    public int MaxAdaptersPerStep { get; init; } = 64;

    /// <summary>Identity of weights and of the keys' and values' element type: root of every prefix key.</summary>
    public Digest ModelRevision { get; init; }

    /// <summary>Reuse pages of equal prompt beginnings.</summary>
    public bool PrefixCaching { get; init; } = true;

    /// <summary>Seconds to reload a byte of an adapter; the default is 1 GB/s, a disk's sequential read.</summary>
    public double SecondsPerAdapterByte { get; init; } = 1e-9;

    /// <summary>Seconds to recompute a token; the default is 1 ms, a small model on a CPU.</summary>
    public double SecondsPerToken { get; init; } = 1e-3;

    /// <summary>Pages of host memory behind the pool, for copies of modules; 0 is none.</summary>
    public int HostPageCount { get; init; }

    /// <summary>Seconds to copy a page back from host memory; the default is 400 KB at 8 GB/s.</summary>
    public double SecondsPerHostPage { get; init; } = 5e-5;

    /// <summary>Most of the pool that pinned modules may take.</summary>
    public double PinnedModuleShare { get; init; } = 0.25;

    /// <summary>What a computed prompt token costs a tenant's virtual counter (w_p of the Virtual Token Counter).</summary>
    public double InputPrice { get; init; } = 1;

    /// <summary>What a generated token costs it (w_q).</summary>
    public double OutputPrice { get; init; } = 2;

    /// <summary>Rare branches and mistakes that the simulation forces; the daemon never sets it.</summary>
    internal SchedulerFaults? Faults { get; init; }

    /// <summary>Pages that a running sequence holds for its recurrent state: two versions.</summary>
    internal int StateVersionPages => 2 * StatePages;

    /// <summary>Sequences that run at once.</summary>
    internal int Seats => Math.Min(MaxSequences, MaxBatchedTokens);

    /// <summary>Throws for numbers that no scheduler can work with: whoever reads configuration has checked them.</summary>
    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(PageCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxModelLength);
        ArgumentOutOfRangeException.ThrowIfNegative(StatePages);
        ArgumentOutOfRangeException.ThrowIfNegative(MinSnapshotTokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxSequences);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxBatchedTokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxQueuedRequests);
        ArgumentOutOfRangeException.ThrowIfNegative(MaxDraftTokens);
        ArgumentOutOfRangeException.ThrowIfNegative(AdapterSlots);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxAdaptersPerStep);
        ArgumentOutOfRangeException.ThrowIfNegative(HostPageCount);
    }
}
