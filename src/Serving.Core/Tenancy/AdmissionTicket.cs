namespace Serving.Core.Tenancy;

/// <summary>A request's place among those under way, with what it was charged. Given back once.</summary>
public sealed class AdmissionTicket
{
    /// <summary>A place.</summary>
    internal AdmissionTicket(Tenant tenant, BucketCharge? request)
    {
        Tenant = tenant;
        RequestCharge = request;
    }

    /// <summary>Whose it is, with the limits that it came in under.</summary>
    public Tenant Tenant { get; }

    /// <summary>Tokens that it may come to hold.</summary>
    public long ReservedTokens { get; internal set; }

    /// <summary>What was taken of the tenant's requests per minute.</summary>
    internal BucketCharge? RequestCharge { get; set; }

    /// <summary>What was taken of the tenant's tokens per minute.</summary>
    internal BucketCharge? TokenCharge { get; set; }

    /// <summary>Whether it was given back.</summary>
    internal bool HasLeft { get; set; }
}
