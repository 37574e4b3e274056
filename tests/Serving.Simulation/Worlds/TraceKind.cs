namespace Serving.Simulation.Worlds;

/// <summary>Kinds of events. Those up to <see cref="LastOfRequest"/> have a request's number as their first value.</summary>
internal enum TraceKind : byte
{
    /// <summary>Request, tokens of the prompt, choices.</summary>
    Submit,

    /// <summary>Request, error.</summary>
    Reject,

    /// <summary>Request, state it was in.</summary>
    Cancel,

    /// <summary>Request, choice, first ordinal × 65536 + rows.</summary>
    Planned,

    /// <summary>Request, choice, token.</summary>
    Token,

    /// <summary>Request, choice, ordinal.</summary>
    Scored,

    /// <summary>Request, choice, number among the plan's hidden states.</summary>
    Embedded,

    /// <summary>Request, choice, reason × 256 + error + 1.</summary>
    Finished,

    /// <summary>Request, choice, times.</summary>
    Preempted,

    /// <summary>No event: the border between those of a request and those of everybody.</summary>
    LastOfRequest,

    /// <summary>Plan number, rows, pages.</summary>
    Schedule,

    /// <summary>Plan number, source, destination × 256 + slots.</summary>
    Copy,

    /// <summary>Plan number, hash of its pages.</summary>
    Pages,

    /// <summary>Plan number.</summary>
    Complete,

    /// <summary>Adapter's fingerprint, slot, first page.</summary>
    Load,

    /// <summary>Adapter's fingerprint.</summary>
    Ready,

    /// <summary>Adapter's fingerprint.</summary>
    LoadFailed,

    /// <summary>Adapter's name, fingerprint of the old content.</summary>
    Replaced,

    /// <summary>The daemon drains.</summary>
    Drain,

    /// <summary>Transfer, to host memory or not, first page.</summary>
    Transfer,

    /// <summary>Transfer.</summary>
    Transferred,

    /// <summary>Transfer.</summary>
    TransferFailed,

    /// <summary>First token, tokens, whether it was taken.</summary>
    Pin,

    /// <summary>Tenant's index, requests per minute, tokens per minute.</summary>
    Reload,

    /// <summary>The device is lost.</summary>
    DeviceLost,
}
