using Serving.Core.Memory;

namespace Serving.Core.Modules;

/// <summary>What the residency knows of one module under one adapter.</summary>
internal sealed class ModuleEntry
{
    /// <summary>A module that somebody wants.</summary>
    public ModuleEntry(ModuleRef module, Digest adapter)
    {
        Module = module;
        Adapter = adapter;
        PageCount = PagePool.PagesFor(module.Tokens.Count);
    }

    /// <summary>Its content.</summary>
    public ModuleRef Module { get; }

    /// <summary>The adapter that it is encoded under.</summary>
    public Digest Adapter { get; }

    /// <summary>Pages that it takes; the last one may be partly filled.</summary>
    public int PageCount { get; }

    /// <summary>Where it is.</summary>
    public ModuleState State { get; set; }

    /// <summary>Its pages while loading or resident.</summary>
    public PageLease? Lease { get; set; }

    /// <summary>Its copy in host memory, complete or being made; null is none.</summary>
    public int[]? HostPages { get; set; }

    /// <summary>The copy to or from host memory that is under way; null is none.</summary>
    public ModuleTransfer? Transfer { get; set; }

    /// <summary>Whether it is in the queue of those to be copied to host memory.</summary>
    public bool AwaitsCopy { get; set; }

    /// <summary>Whether the copy in host memory is complete.</summary>
    public bool HasCopy => HostPages is not null && Transfer is not { ToHost: true };

    /// <summary>Running sequences and plans in flight that read it: above 0 it stays.</summary>
    public int Users { get; set; }

    /// <summary>Queued sequences that import it, or something that is encoded on top of it.</summary>
    public int Waiters { get; set; }

    /// <summary>Sequences that have run with it: its frequency in the eviction economies.</summary>
    public long Uses { get; set; }

    /// <summary>Not evicted while the current admission pass looks at someone who wants it.</summary>
    public bool Held { get; set; }

    /// <summary>Pinned by its tenant: encoded when nothing else wants to run, never evicted.</summary>
    public bool Pinned { get; set; }

    /// <summary>Whether somebody was charged for the encoding under way or for one that was preempted.</summary>
    public bool Charged { get; set; }

    /// <summary>How often its encoding was preempted since it was last resident.</summary>
    public int Preemptions { get; set; }

    /// <summary>The admission pass that looked at it last.</summary>
    public long Pass { get; set; }

    /// <summary>Whether that pass found no room for it.</summary>
    public bool Roomless { get; set; }

    /// <summary>The device lost what is being copied: the copy's answer counts for nothing.</summary>
    public bool Abandoned { get; set; }
}
