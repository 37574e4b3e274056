namespace Serving.Core.Scheduling;

/// <summary>How often the rare branches were taken: the simulation wants each of them.</summary>
internal sealed class SchedulerMarks
{
    /// <summary>Sequences preempted.</summary>
    public long Preempted { get; set; }

    /// <summary>Preempted ones whose pages a plan in flight still named.</summary>
    public long PreemptedInFlight { get; set; }

    /// <summary>Choices that took the prompt's pages from the first one.</summary>
    public long Forked { get; set; }

    /// <summary>Choices that found no seat or page when the prompt was computed.</summary>
    public long ForkQueued { get; set; }

    /// <summary>Pages given back because their content was sealed already.</summary>
    public long Duplicates { get; set; }

    /// <summary>Pages that met another content under their key.</summary>
    public long Collisions { get; set; }

    /// <summary>Requests cancelled or expired while a plan in flight named them.</summary>
    public long EndedInFlight { get; set; }

    /// <summary>Outputs of plans that nobody wanted any more.</summary>
    public long Discarded { get; set; }

    /// <summary>Outputs that did not count because it was not known in time what their constraints allow.</summary>
    public long Withdrawn { get; set; }

    /// <summary>Admissions past an earlier one that lacked room for its adapter.</summary>
    public long Bypassed { get; set; }

    /// <summary>Deadlines that passed in the queue.</summary>
    public long ExpiredWaiting { get; set; }

    /// <summary>Deadlines that passed while running.</summary>
    public long ExpiredRunning { get; set; }

    /// <summary>Adapters retired while sequences ran with them.</summary>
    public long RetiredInUse { get; set; }

    /// <summary>Encodings of modules that were preempted.</summary>
    public long EncodesPreempted { get; set; }

    /// <summary>Encodings of modules that stopped because nobody waited any more, preempted ones included.</summary>
    public long EncodesStopped { get; set; }

    /// <summary>Snapshots taken of recurrent states.</summary>
    public long SnapshotsTaken { get; set; }

    /// <summary>Those that a plan in flight read already.</summary>
    public long SnapshotsTakenAhead { get; set; }

    /// <summary>Those behind keys that were found.</summary>
    public long SnapshotsTakenBehindFound { get; set; }

    /// <summary>Those not taken, as there was one already.</summary>
    public long SnapshotsThere { get; set; }

    /// <summary>Sequences that began before the end of the keys found, for want of a snapshot.</summary>
    public long KeysWithoutSnapshot { get; set; }

    /// <summary>Those not taken, as their pages could be had from someone who runs only.</summary>
    public long SnapshotsForgone { get; set; }

    /// <summary>Sequences that began at a snapshot.</summary>
    public long SnapshotsRead { get; set; }

    /// <summary>Sequences that began without the snapshot that was found, as it left too few pages.</summary>
    public long SnapshotsPassedOver { get; set; }

    /// <summary>Rows that waited for pages which a plan in flight still named.</summary>
    public long WaitedForFlight { get; set; }
}
