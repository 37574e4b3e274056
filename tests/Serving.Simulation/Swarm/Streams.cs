namespace Serving.Simulation.Swarm;

/// <summary>The separate uses of a run's seed.</summary>
internal static class Streams
{
    /// <summary>Drawing the settings.</summary>
    public const ulong Settings = 1;

    /// <summary>When requests arrive and what they ask.</summary>
    public const ulong Arrivals = 2;

    /// <summary>The shared prefixes.</summary>
    public const ulong Prefixes = 3;

    /// <summary>Cancelling.</summary>
    public const ulong Cancel = 4;

    /// <summary>Adapter loads.</summary>
    public const ulong Loads = 5;

    /// <summary>Adapter replacement and sizes.</summary>
    public const ulong Adapters = 6;

    /// <summary>Forced preemption.</summary>
    public const ulong Preempt = 7;

    /// <summary>Forced eviction.</summary>
    public const ulong Evict = 8;

    /// <summary>The clock.</summary>
    public const ulong Clock = 9;

    /// <summary>When the device executes, and bubbles.</summary>
    public const ulong Device = 10;

    /// <summary>Losing the device.</summary>
    public const ulong Loss = 11;

    /// <summary>Drawing the settings of modules.</summary>
    public const ulong ModuleSettings = 12;

    /// <summary>The schemas' texts and positions.</summary>
    public const ulong Schemas = 13;

    /// <summary>What requests import.</summary>
    public const ulong Imports = 14;

    /// <summary>Pinning modules.</summary>
    public const ulong Pins = 15;

    /// <summary>Copies to and from host memory.</summary>
    public const ulong Transfers = 16;

    /// <summary>Rate limits, and when they change.</summary>
    public const ulong Rates = 17;

    /// <summary>Drawing how loads hang, and which do.</summary>
    public const ulong Hangs = 18;

    /// <summary>Drawing the settings of constraints.</summary>
    public const ulong ConstraintSettings = 19;

    /// <summary>Which requests are constrained, and which come to a dead end.</summary>
    public const ulong Constraints = 20;

    /// <summary>When it is known what a constraint allows.</summary>
    public const ulong Readiness = 21;

    /// <summary>Drawing the settings of drafts.</summary>
    public const ulong DraftSettings = 22;

    /// <summary>What is guessed.</summary>
    public const ulong Drafts = 23;

    /// <summary>Drawing how many requests are to embed, and which are.</summary>
    public const ulong Embeddings = 24;

    /// <summary>Drawing whether the model has a recurrent state.</summary>
    public const ulong States = 25;
}
