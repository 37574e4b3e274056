namespace Serving.Engine;

/// <summary>Where the engine is in its life, for the health probes.</summary>
public enum EngineState
{
    /// <summary>Loading the model.</summary>
    Starting,

    /// <summary>Taking requests.</summary>
    Ready,

    /// <summary>Finishing what runs, refusing what comes.</summary>
    Draining,

    /// <summary>The device failed or a step hangs; the process must be replaced.</summary>
    Failed,

    /// <summary>Stopped.</summary>
    Stopped,
}
