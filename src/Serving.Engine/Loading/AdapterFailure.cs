namespace Serving.Engine.Loading;

/// <summary>Why an adapter cannot be had.</summary>
public enum AdapterFailure
{
    /// <summary>No such adapter, or none that the caller may use: the two are never told apart.</summary>
    Unknown,

    /// <summary>Its files are malformed, or do not fit the model.</summary>
    Corrupt,

    /// <summary>It is of a kind that is not served.</summary>
    Unsupported,

    /// <summary>Its files are larger than any adapter of this model can be, or it is larger than the memory that is set aside for adapters.</summary>
    TooLarge,

    /// <summary>Its files cannot be read now; a later try may succeed.</summary>
    Io,

    /// <summary>Its files changed while they were read, or no longer are what they were; a later try may succeed.</summary>
    Replaced,

    /// <summary>Its files did not come within the time that a load may take; a later try may succeed.</summary>
    TimedOut,

    /// <summary>As many of the tenant's calls to the adapters' disk wait as may; a later try may succeed.</summary>
    Busy,

    /// <summary>What nobody foresaw happened while they were read or prepared; the log says what.</summary>
    Internal,
}
