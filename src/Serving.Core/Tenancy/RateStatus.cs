namespace Serving.Core.Tenancy;

/// <summary>How a rate stands.</summary>
/// <param name="Limit">What a minute brings, and at most is there.</param>
/// <param name="Remaining">Whole ones that are there.</param>
/// <param name="ResetMicroseconds">Until all are there, if nobody takes any.</param>
public readonly record struct RateStatus(long Limit, long Remaining, long ResetMicroseconds);

/// <summary>How a tenant's rates stand; null for one that it has not.</summary>
public readonly record struct TenantRates(RateStatus? Requests, RateStatus? Tokens);
