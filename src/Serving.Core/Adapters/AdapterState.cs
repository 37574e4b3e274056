namespace Serving.Core.Adapters;

/// <summary>Where an adapter is, in the view of the core.</summary>
public enum AdapterState
{
    /// <summary>Known because a request waits for it; it has no pages.</summary>
    Registered,

    /// <summary>Pages and slot are taken, its cells are on their way.</summary>
    Loading,

    /// <summary>In its pages: it can run.</summary>
    Resident,

    /// <summary>Its load failed; whoever waited for it was told, and the next request starts over.</summary>
    Failed,
}
