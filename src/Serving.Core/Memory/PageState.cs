namespace Serving.Core.Memory;

/// <summary>What a page of the pool is used for; every page is in exactly one state.</summary>
public enum PageState
{
    /// <summary>Holds nothing and can be leased.</summary>
    Free,

    /// <summary>Held by at least one sequence, adapter or plan in flight.</summary>
    Leased,

    /// <summary>Held by nobody, kept for its content; an eviction frees it.</summary>
    Cached,
}
