using Serving.Core.Memory;

namespace Serving.Core.Tenancy;

/// <summary>A tenant's name: <c>[a-z0-9-]{1,32}</c>.</summary>
public readonly record struct TenantId(string Value);

/// <summary>What a tenant may hold at once.</summary>
/// <param name="ConcurrentRequests">Requests accepted and not finished.</param>
/// <param name="TokensInFlight">Sum of prompt + n × max_tokens over those requests.</param>
public sealed record TenantLimits(int ConcurrentRequests, long TokensInFlight);

/// <summary>A party that requests belong to.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Weight">Its share of the machine relative to others; positive.</param>
/// <param name="Salt">Server-side secret that keeps its cached pages its own.</param>
/// <param name="Limits">What it may hold at once.</param>
public sealed record Tenant(TenantId Id, double Weight, Digest Salt, TenantLimits Limits);
