namespace Serving.Core.Tenancy;

/// <summary>What a gate says.</summary>
public enum AdmissionVerdict
{
    /// <summary>Come in.</summary>
    Admitted,

    /// <summary>The daemon's places are taken.</summary>
    QueueFull,

    /// <summary>The tenant has as much under way as it may; when that ends nobody knows.</summary>
    TenantLimit,

    /// <summary>The tenant has asked for as much as a minute allows; later it will be let in.</summary>
    RateLimit,

    /// <summary>It is more than the tenant's limit by itself: it will never be let in.</summary>
    TooLarge,
}

/// <summary>What a gate says, and why.</summary>
/// <param name="Verdict">The verdict.</param>
/// <param name="Limit">Which limit refuses, for the verdicts that a tenant's limit gives.</param>
/// <param name="Allowed">That limit.</param>
/// <param name="Requested">What was asked for.</param>
/// <param name="RetryMicroseconds">With <see cref="AdmissionVerdict.RateLimit"/>: the time after which it would be let in, if nothing else is and nothing is given back.</param>
public readonly record struct AdmissionDecision(AdmissionVerdict Verdict, TenantLimitKind? Limit = null, long Allowed = 0, long Requested = 0, long RetryMicroseconds = 0)
{
    /// <summary>Whether it comes in.</summary>
    public bool IsAdmitted => Verdict == AdmissionVerdict.Admitted;
}
