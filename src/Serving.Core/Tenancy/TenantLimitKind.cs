namespace Serving.Core.Tenancy;

/// <summary>The limits that a tenant has.</summary>
public enum TenantLimitKind
{
    /// <summary>Requests accepted and not finished.</summary>
    ConcurrentRequests,

    /// <summary>Tokens that those may come to hold.</summary>
    TokensInFlight,

    /// <summary>Requests per minute.</summary>
    RequestsPerMinute,

    /// <summary>Tokens per minute.</summary>
    TokensPerMinute,
}
