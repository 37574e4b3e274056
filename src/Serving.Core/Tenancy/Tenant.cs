using Serving.Core.Memory;

namespace Serving.Core.Tenancy;

/// <summary>A tenant's name: <c>[a-z0-9-]{1,32}</c>.</summary>
public readonly record struct TenantId(string Value);

/// <summary>What a tenant may hold at once, and what it may ask for per minute.</summary>
/// <param name="ConcurrentRequests">Requests accepted and not finished.</param>
/// <param name="TokensInFlight">Sum of prompt + n × max_tokens over those requests.</param>
/// <param name="RequestsPerMinute">Requests per minute, as many of them at once as a minute brings; 1 to <see cref="TokenBucket.MaxRate"/>, null without limit.</param>
/// <param name="TokensPerMinute">Tokens per minute, prompt and output, likewise.</param>
public sealed record TenantLimits(int ConcurrentRequests, long TokensInFlight, long? RequestsPerMinute = null, long? TokensPerMinute = null);

/// <summary>A party that requests belong to.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Weight">Its share of the machine relative to others; positive.</param>
/// <param name="Salt">Server-side secret that keeps its cached pages its own.</param>
/// <param name="Limits">What it may hold at once and ask for per minute.</param>
public sealed record Tenant(TenantId Id, double Weight, Digest Salt, TenantLimits Limits);
