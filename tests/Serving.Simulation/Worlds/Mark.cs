namespace Serving.Simulation.Worlds;

/// <summary>Rare things that every CI run must have seen at least once: without them an invariant proves little.</summary>
internal enum Mark
{
    /// <summary>A sequence lost its pages.</summary>
    Preempted,

    /// <summary>A preempted sequence ran again.</summary>
    Resumed,

    /// <summary>A cached page was evicted and given to somebody else.</summary>
    EvictedThenReused,

    /// <summary>An adapter's slot was given to another adapter.</summary>
    SlotReused,

    /// <summary>A prompt began in the prefix cache.</summary>
    PrefixHit,

    /// <summary>A page was shared by two sequences of a plan.</summary>
    PageShared,

    /// <summary>The choices of a request forked.</summary>
    Forked,

    /// <summary>A partial page was copied for a fork.</summary>
    PageCopied,

    /// <summary>A prompt was computed in more than one chunk.</summary>
    Chunked,

    /// <summary>A plan was scheduled ahead of the previous one's results.</summary>
    ScheduledAhead,

    /// <summary>One under penalties was.</summary>
    PenalisedAhead,

    /// <summary>One under a constraint was.</summary>
    ConstrainedAhead,

    /// <summary>What was sampled ahead did not count, as it was not known in time what the constraint allows.</summary>
    Withdrawn,

    /// <summary>Its row was computed again while the plan that it did not count in was still in flight.</summary>
    WithdrawnAgain,

    /// <summary>It ended while that plan was in flight.</summary>
    WithdrawnEnded,

    /// <summary>It lost its pages while that plan was in flight.</summary>
    WithdrawnPreempted,

    /// <summary>A prompt was embedded.</summary>
    Embedded,

    /// <summary>It was again, as its pages had been taken while the plan was in flight.</summary>
    EmbeddedAgain,

    /// <summary>Cancelled in the queue.</summary>
    CancelledWaiting,

    /// <summary>Cancelled while its adapter was loading.</summary>
    CancelledLoading,

    /// <summary>Cancelled with part of the prompt computed.</summary>
    CancelledPrefilling,

    /// <summary>Cancelled between two of its tokens.</summary>
    CancelledDecoding,

    /// <summary>Cancelled while preempted.</summary>
    CancelledPreempted,

    /// <summary>Cancelled while the plan with its last token was in flight.</summary>
    CancelledFinishing,

    /// <summary>An adapter's content was replaced while requests ran on the old one.</summary>
    ReplacedInFlight,

    /// <summary>A load failed with requests waiting for it.</summary>
    LoadFailed,

    /// <summary>A load that hung was given up with requests waiting for it.</summary>
    LoadHung,

    /// <summary>The queue was full.</summary>
    QueueFull,

    /// <summary>A request that can never fit was refused.</summary>
    ContextTooLong,

    /// <summary>A deadline passed in the queue.</summary>
    DeadlineWaiting,

    /// <summary>A deadline passed while running.</summary>
    DeadlineRunning,

    /// <summary>A reader was too slow.</summary>
    SlowReader,

    /// <summary>A stop token ended a sequence that had been scheduled ahead.</summary>
    StoppedAhead,

    /// <summary>A request was refused because of draining.</summary>
    RefusedDraining,

    /// <summary>A request imported a module that was not encoded for it.</summary>
    ModuleHit,

    /// <summary>A request waited for a module that was being encoded for another one.</summary>
    ModuleAwaited,

    /// <summary>The request that a module was encoded for went away, and the encoding went on for others.</summary>
    EncodeOrphaned,

    /// <summary>An encoding stopped because nobody waited any more.</summary>
    EncodeStopped,

    /// <summary>An encoding was preempted.</summary>
    EncodePreempted,

    /// <summary>A module was encoded again after it had been evicted.</summary>
    ModuleEncodedAgain,

    /// <summary>A module came back from host memory.</summary>
    ModuleLoaded,

    /// <summary>A copy to or from host memory failed.</summary>
    TransferFailed,

    /// <summary>A module was encoded because it is pinned.</summary>
    PinnedEncoded,

    /// <summary>A pin was refused.</summary>
    PinRefused,

    /// <summary>Two modules had one key.</summary>
    ModulesCollided,

    /// <summary>A tenant had used up its requests per minute.</summary>
    OutOfRequests,

    /// <summary>A tenant had used up its tokens per minute.</summary>
    OutOfTokens,

    /// <summary>A request was larger than its tenant's tokens per minute.</summary>
    ExceedsRate,

    /// <summary>A running sequence got no rows until it was known what its constraint allows; others ran meanwhile.</summary>
    Held,

    /// <summary>Nothing ran because of that.</summary>
    HeldAlone,

    /// <summary>A request was not begun because of that.</summary>
    HeldInQueue,

    /// <summary>A held sequence lost its pages to another one.</summary>
    HeldPreempted,

    /// <summary>A choice was held whose prompt another one had computed.</summary>
    HeldFork,

    /// <summary>Cancelled while held.</summary>
    HeldCancelled,

    /// <summary>A deadline passed while held.</summary>
    HeldExpired,

    /// <summary>A constraint allowed no further token.</summary>
    DeadEnd,

    /// <summary>It allowed none after the last one.</summary>
    DeadEndAtTheEnd,

    /// <summary>A guess came true.</summary>
    DraftRight,

    /// <summary>A guess did not.</summary>
    DraftWrong,

    /// <summary>A sequence ended with a token that was sampled behind a guess.</summary>
    EndedByDraft,

    /// <summary>A guess came true whose sequence had lost its pages meanwhile.</summary>
    DraftPreempted,

    /// <summary>The device was lost with requests in flight.</summary>
    DeviceLost,

    /// <summary>A request that imports modules was refused, as the model has a recurrent state.</summary>
    ImportsRefused,

    /// <summary>A row of a model with a recurrent state did not count, and was computed again from the same version.</summary>
    StateReadAgain,

    /// <summary>A snapshot of a recurrent state was taken.</summary>
    SnapshotTaken,

    /// <summary>One was that a plan in flight read already.</summary>
    SnapshotTakenAhead,

    /// <summary>One was where keys that were found had ended, beyond every snapshot.</summary>
    SnapshotTakenBehindFound,

    /// <summary>One was not, as its pages could be had from someone who runs only.</summary>
    SnapshotForgone,

    /// <summary>Two sequences that computed the same tokens came to one boundary.</summary>
    SnapshotTwice,

    /// <summary>A sequence began at a snapshot.</summary>
    SnapshotRead,

    /// <summary>Two sequences of a plan did, at the same one.</summary>
    SnapshotShared,

    /// <summary>One came back to it after a preemption.</summary>
    SnapshotReadAfterPreemption,

    /// <summary>Another choice of a request did.</summary>
    SnapshotReadByChoice,

    /// <summary>A sequence began at an earlier page than keys were found for, as there was no snapshot.</summary>
    KeysWithoutSnapshot,

    /// <summary>A sequence began without the snapshot that was found, as there was no room for both.</summary>
    SnapshotPassedOver,

    /// <summary>A snapshot was evicted.</summary>
    SnapshotEvicted,
}
