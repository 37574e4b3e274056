using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>An answer of <c>/v1/responses</c>, whole or as far as it has come.</summary>
public sealed record ModelResponse
{
    /// <summary>"resp_" and the request's id.</summary>
    public required string Id { get; init; }

    /// <summary>Always "response".</summary>
    public string Object { get; } = "response";

    /// <summary>Unix seconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>"queued", "in_progress", "completed", "incomplete", "failed" or "cancelled".</summary>
    public required string Status { get; init; }

    /// <summary>Whether nobody waits for it.</summary>
    public bool Background { get; init; }

    /// <summary>Why it failed.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ResponseError? Error { get; init; }

    /// <summary>Why it is not complete.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IncompleteDetails? IncompleteDetails { get; init; }

    /// <summary>The request's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Instructions { get; init; }

    /// <summary>The request's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public int? MaxOutputTokens { get; init; }

    /// <summary>The model as the client named it.</summary>
    public required string Model { get; init; }

    /// <summary>What the model wrote.</summary>
    public required IReadOnlyList<ResponseItem> Output { get; init; }

    /// <summary>The request's.</summary>
    public required bool ParallelToolCalls { get; init; }

    /// <summary>The response that it goes on from.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? PreviousResponseId { get; init; }

    /// <summary>The conversation that it is part of.</summary>
    public ConversationReference? Conversation { get; init; }

    /// <summary>The request's.</summary>
    public required ResponseReasoning Reasoning { get; init; }

    /// <summary>Whether it is kept, for a time.</summary>
    public bool Store { get; init; }

    /// <summary>The request's; null is the model's default.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public float? Temperature { get; init; }

    /// <summary>What the text had to be.</summary>
    public required ResponseText Text { get; init; }

    /// <summary>The request's.</summary>
    public required JsonElement ToolChoice { get; init; }

    /// <summary>The request's, as far as the model is shown them.</summary>
    public required IReadOnlyList<JsonElement> Tools { get; init; }

    /// <summary>The request's.</summary>
    public required int TopLogprobs { get; init; }

    /// <summary>The request's; null is the model's default.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public float? TopP { get; init; }

    /// <summary>Always "disabled".</summary>
    public string Truncation { get; } = "disabled";

    /// <summary>Token counts, once it has ended.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ResponseUsage? Usage { get; init; }

    /// <summary>The request's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? User { get; init; }

    /// <summary>The request's.</summary>
    public string? SafetyIdentifier { get; init; }

    /// <summary>The request's.</summary>
    public required JsonElement Metadata { get; init; }
}

/// <summary>Answer of <c>DELETE /v1/responses/{id}</c>.</summary>
/// <param name="Id">Its id.</param>
public sealed record ResponseDeleted(string Id)
{
    /// <summary>Always "response".</summary>
    public string Object { get; } = "response";

    /// <summary>Always true.</summary>
    public bool Deleted { get; } = true;
}

/// <summary>Why a response failed.</summary>
/// <param name="Code">"server_error" or "rate_limit_exceeded".</param>
/// <param name="Message">In words.</param>
public sealed record ResponseError(string Code, string Message);

/// <summary>Why a response is not complete.</summary>
/// <param name="Reason">"max_output_tokens".</param>
public sealed record IncompleteDetails(string Reason);

/// <summary>How much a response thinks.</summary>
/// <param name="Effort">The request's.</param>
public sealed record ResponseReasoning([property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Effort)
{
    /// <summary>Always null: thoughts are given as they are.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Summary { get; }
}

/// <summary>What a response's text had to be.</summary>
/// <param name="Format">The request's, or text.</param>
public sealed record ResponseText(JsonElement Format);

/// <summary>Token counts of a response.</summary>
public sealed record ResponseUsage
{
    /// <summary>Tokens of the prompt.</summary>
    public required int InputTokens { get; init; }

    /// <summary>Where they came from.</summary>
    public required PromptTokensDetails InputTokensDetails { get; init; }

    /// <summary>Tokens generated.</summary>
    public required int OutputTokens { get; init; }

    /// <summary>What they were.</summary>
    public required CompletionTokensDetails OutputTokensDetails { get; init; }

    /// <summary>Both together.</summary>
    public required int TotalTokens { get; init; }
}
