namespace Serving.Core.Requests;

/// <summary>Where a sequence is in its life; in order, so that finished is one comparison.</summary>
public enum SequenceStatus
{
    /// <summary>In the queue, not begun.</summary>
    Waiting,

    /// <summary>Holds pages and is scheduled.</summary>
    Running,

    /// <summary>In the queue again: its pages were taken, what it has is kept and will be recomputed.</summary>
    Preempted,

    /// <summary>Ended; its terminal event was given.</summary>
    Finished,
}
