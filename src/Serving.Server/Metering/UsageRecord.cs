using System.Text.Json.Serialization;

namespace Serving.Server.Metering;

/// <summary>What one request used: a line of the ledger.</summary>
internal sealed record UsageRecord
{
    /// <summary>When it ended, UTC.</summary>
    public required DateTime Time { get; init; }

    /// <summary>Its id (x-request-id).</summary>
    public required string Id { get; init; }

    /// <summary>Whose it was.</summary>
    public required string Tenant { get; init; }

    /// <summary>The model as the client named it.</summary>
    public required string Model { get; init; }

    /// <summary>The adapter's digest, 64 hexadecimal digits; null for the base model.</summary>
    public string? Adapter { get; init; }

    /// <summary>http or grpc.</summary>
    public required string Protocol { get; init; }

    /// <summary>The route.</summary>
    public required string Endpoint { get; init; }

    /// <summary>completed; cancelled, when the client went away before it had everything; else the failure's name.</summary>
    public required string Outcome { get; init; }

    /// <summary>Choices by why they ended (stop, length, tool_calls); those that did not are in none.</summary>
    public IReadOnlyDictionary<string, int>? FinishReasons { get; init; }

    /// <summary>Prompt tokens, cached ones included; 0 when none of it was begun.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Those of them that were found in the cache.</summary>
    public required int CachedTokens { get; init; }

    /// <summary>Tokens that the client was sent, over all choices.</summary>
    public required int CompletionTokens { get; init; }

    /// <summary>Those of them that were thoughts, all of them or as many as were sent at most; null for none.</summary>
    public int? ReasoningTokens { get; init; }

    /// <summary>Milliseconds from acceptance to the end.</summary>
    public required double DurationMs { get; init; }

    /// <summary>Milliseconds from acceptance to the first event; null when there was none.</summary>
    public double? FirstTokenMs { get; init; }

    /// <summary>Records that could not be written between the one before and this one; null for none.</summary>
    public long? LostBefore { get; init; }
}

/// <summary>How records are written and read: fields that a later version adds are passed over.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false,
    MaxDepth = 8)]
[JsonSerializable(typeof(UsageRecord))]
[JsonSerializable(typeof(UsageTotal))]
internal sealed partial class UsageJson : JsonSerializerContext;
