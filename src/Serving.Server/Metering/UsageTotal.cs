namespace Serving.Server.Metering;

/// <summary>What is added up for itself.</summary>
/// <param name="Period">The hour, day or month, UTC; empty for all time.</param>
/// <param name="Tenant">Whose requests.</param>
/// <param name="Model">The model as they named it.</param>
/// <param name="Adapter">The adapter's digest; null for the base model.</param>
internal readonly record struct UsageKey(string Period, string Tenant, string Model, string? Adapter);

/// <summary>What requests of one kind used together.</summary>
internal sealed record UsageTotal
{
    /// <summary>The hour, day or month, UTC; null for all time.</summary>
    public string? Period { get; init; }

    /// <summary>Whose requests.</summary>
    public required string Tenant { get; init; }

    /// <summary>The model as they named it.</summary>
    public required string Model { get; init; }

    /// <summary>The adapter's digest; null for the base model.</summary>
    public string? Adapter { get; init; }

    /// <summary>Requests.</summary>
    public long Requests { get; set; }

    /// <summary>Those of them whose client had everything.</summary>
    public long Completed { get; set; }

    /// <summary>Prompt tokens, cached ones included.</summary>
    public long PromptTokens { get; set; }

    /// <summary>Those of them that were found in the cache.</summary>
    public long CachedTokens { get; set; }

    /// <summary>Tokens that clients were sent.</summary>
    public long CompletionTokens { get; set; }
}
