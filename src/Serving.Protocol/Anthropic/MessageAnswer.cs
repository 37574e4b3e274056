using System.Text.Json.Serialization;

namespace Serving.Protocol.Anthropic;

/// <summary>An answer of <c>/v1/messages</c>, whole or as it begins.</summary>
public sealed record MessageAnswer
{
    /// <summary>"msg_" and the request's id.</summary>
    public required string Id { get; init; }

    /// <summary>Always "message".</summary>
    public string Type { get; } = "message";

    /// <summary>Always "assistant".</summary>
    public string Role { get; } = "assistant";

    /// <summary>The model as the client named it.</summary>
    public required string Model { get; init; }

    /// <summary>What the model wrote, in its order.</summary>
    public required IReadOnlyList<MessageBlock> Content { get; init; }

    /// <summary>"end_turn", "max_tokens", "stop_sequence", "tool_use" or "model_context_window_exceeded".</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? StopReason { get; init; }

    /// <summary>Which stop sequence ended it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? StopSequence { get; init; }

    /// <summary>Token counts.</summary>
    public required MessageUsage Usage { get; init; }
}

/// <summary>A part of what a model wrote: text ("text"), thoughts ("thinking"), or a call of a function ("tool_use").</summary>
public sealed record MessageBlock
{
    /// <summary>Which of them.</summary>
    public required string Type { get; init; }

    /// <summary>The text.</summary>
    public string? Text { get; init; }

    /// <summary>The thoughts.</summary>
    public string? Thinking { get; init; }

    /// <summary>Stands with thoughts and says nothing: nobody checks it when they come back.</summary>
    public string? Signature { get; init; }

    /// <summary>Names a call in the block that answers it.</summary>
    public string? Id { get; init; }

    /// <summary>The function that is called.</summary>
    public string? Name { get; init; }

    /// <summary>A call's arguments, as the model wrote them: an object.</summary>
    public RawJson? Input { get; init; }
}

/// <summary>Token counts of a message: the prompt has as many as the three input counts together.</summary>
public sealed record MessageUsage
{
    /// <summary>Tokens of the prompt that were computed.</summary>
    public required int InputTokens { get; init; }

    /// <summary>Always 0: what is kept of a prompt is not counted apart.</summary>
    public int CacheCreationInputTokens { get; }

    /// <summary>Tokens of the prompt whose attention states were reused.</summary>
    public required int CacheReadInputTokens { get; init; }

    /// <summary>Tokens generated.</summary>
    public required int OutputTokens { get; init; }

    /// <summary>What they were, where some were thoughts.</summary>
    public MessageTokensDetails? OutputTokensDetails { get; init; }
}

/// <summary>What generated tokens were.</summary>
/// <param name="ThinkingTokens">Thoughts, marks included.</param>
public sealed record MessageTokensDetails(int ThinkingTokens);

/// <summary>Answer of <c>POST /v1/messages/count_tokens</c>.</summary>
/// <param name="InputTokens">Tokens of the prompt.</param>
public sealed record MessageTokensCount(int InputTokens);
