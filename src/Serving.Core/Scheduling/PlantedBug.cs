namespace Serving.Core.Scheduling;

/// <summary>Mistakes that the simulation plants in the core to prove that it finds each of them. The daemon never sets one.</summary>
internal enum PlantedBug
{
    /// <summary>The core as it is.</summary>
    None,

    /// <summary>The root of the prefix chain lacks the tenant's salt.</summary>
    DropSalt,

    /// <summary>The root of the prefix chain lacks the adapter's digest.</summary>
    DropDigest,

    /// <summary>A fork takes the prompt's pages without counting itself as a holder.</summary>
    ForkWithoutRetain,

    /// <summary>A fork's private copy of the prompt's last page is never ordered.</summary>
    ForkWithoutCopy,

    /// <summary>Running sequences do not pin their adapter: it can be evicted under them.</summary>
    UnpinnedAdapter,

    /// <summary>Cancelling a preempted sequence is forgotten.</summary>
    LostCancel,

    /// <summary>Deadlines of waiting requests are not looked at.</summary>
    ForgetDeadline,

    /// <summary>An evicted prefix page stays in the index.</summary>
    StaleIndexOnEvict,

    /// <summary>A page found by its key is taken without comparing root, parent and tokens.</summary>
    TrustKeys,

    /// <summary>The oldest running sequence is preempted instead of the newest.</summary>
    PreemptOldest,

    /// <summary>Pages of a cancelled sequence are free at once, although a plan in flight names them.</summary>
    FreeInFlight,

    /// <summary>A page is sealed when its tokens are known, before its last slot is computed.</summary>
    SealEarly,

    /// <summary>What a plan sampled for a sequence that ended meanwhile is still reported.</summary>
    EmitAfterEnd,

    /// <summary>A preempted sequence keeps one page that nobody names any more.</summary>
    LeakOnPreempt,

    /// <summary>A preempted sequence comes back as if its pages were still computed.</summary>
    SkipRecompute,

    /// <summary>Every tenant is charged as if its weight were 1 and its outputs free.</summary>
    UnfairCharge,

    /// <summary>A tenant that rejoins keeps the low counter of its idle time.</summary>
    NoLift,

    /// <summary>A step may hold one row more than its budget.</summary>
    OverBudget,

    /// <summary>The slot of a failed adapter load is not given back.</summary>
    LeakOnLoadFailure,

    /// <summary>What was sampled ahead counts though it was not known in time what the constraint allows.</summary>
    KeepUnmasked,

    /// <summary>The row of an output that does not count is not computed again.</summary>
    SkipResample,

    /// <summary>The row of an output that does not count is computed for the prefix cache before it is computed again.</summary>
    SealUnmasked,

    /// <summary>Penalties do not count a token that is pending when the plan is made; planted where the simulation's device counts.</summary>
    DropPending,

    /// <summary>A request is accepted while the daemon drains.</summary>
    AcceptWhileDraining,

    /// <summary>The root of a prefix chain behind modules lacks their keys.</summary>
    DropImports,

    /// <summary>A module is encoded on top of what its asker imports before it, not of its own context.</summary>
    SiblingInContext,

    /// <summary>Running sequences do not pin the modules that they import.</summary>
    UnpinnedModule,

    /// <summary>The first tokens behind a module go to the free slots of its last page.</summary>
    FillPartialPage,

    /// <summary>The key of a module lacks its tenant's salt; planted where the simulation makes its keys.</summary>
    DropModuleSalt,

    /// <summary>A module that was pinned is evicted like any other.</summary>
    EvictPinned,

    /// <summary>An encoding stops when one of those that wait for it goes, and the others are not told.</summary>
    LoseSharedEncode,

    /// <summary>Host pages are given away while a load reads them.</summary>
    LoseHostPages,

    /// <summary>Every import is said to have been found.</summary>
    ClaimHits,

    /// <summary>A constrained sequence gets rows before it is known what its constraint allows.</summary>
    IgnoreReadiness,

    /// <summary>Nobody passes a waiting sequence that does not know yet what its constraint allows.</summary>
    HeldStopsQueue,

    /// <summary>A draft counts whether or not it is what was sampled before it.</summary>
    TrustDrafts,

    /// <summary>The row of a wrong draft counts as computed.</summary>
    KeepWrongDraft,

    /// <summary>A sequence is scheduled ahead before it is known how many of its drafts were right.</summary>
    AheadOfDrafts,

    /// <summary>Every request to embed gets the first hidden state of its step.</summary>
    FirstEmbedding,

    /// <summary>The turn of a recurrent state's versions is not taken back with a row that does not count.</summary>
    KeepTurn,

    /// <summary>A plan reads the version that the plan before it read, not the one that it writes.</summary>
    MissTurn,

    /// <summary>A plan writes the version that it reads.</summary>
    WriteInPlace,

    /// <summary>A sequence that is preempted keeps a version of its state that nobody names any more.</summary>
    LeakVersion,

    /// <summary>A sequence that comes back after a preemption goes on from the state that it had.</summary>
    KeepStaleState,

    /// <summary>Versions of a sequence that ends are free at once, although a plan in flight writes one.</summary>
    FreeStateInFlight,

    /// <summary>A sequence begins behind keys that were found, at the last snapshot before their end.</summary>
    HitWithoutSnapshot,

    /// <summary>A sequence that reads a snapshot does not count as a holder of its pages.</summary>
    UnpinnedSnapshot,

    /// <summary>A sequence goes on writing the pages that became a snapshot.</summary>
    WriteSnapshot,

    /// <summary>A snapshot is taken one token behind its page's end.</summary>
    SnapshotLate,

    /// <summary>A snapshot is the version that the newest plan writes, though that is one plan further.</summary>
    SnapshotOfNewest,

    /// <summary>A page is evicted before its snapshot.</summary>
    EvictBeforeSnapshot,
}
