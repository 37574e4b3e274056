namespace Serving.Core.Tenancy;

/// <summary>What a tenant has under way, and its buckets, each made when it is first charged.</summary>
internal sealed class TenantAccount
{
    /// <summary>Requests under way.</summary>
    public int Requests { get; set; }

    /// <summary>Tokens that they may come to hold.</summary>
    public long Tokens { get; set; }

    /// <summary>Requests per minute.</summary>
    public TokenBucket? RequestBucket { get; set; }

    /// <summary>Tokens per minute.</summary>
    public TokenBucket? TokenBucket { get; set; }

    /// <summary>Whether there is nothing to remember.</summary>
    public bool IsIdle(long now) => Requests == 0 && RequestBucket?.IsFull(now) != false && TokenBucket?.IsFull(now) != false;
}
