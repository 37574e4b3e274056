using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>An event of a streamed chat.</summary>
public sealed record ChatCompletionChunk
{
    /// <summary>The same in every chunk of a request.</summary>
    public required string Id { get; init; }

    /// <summary>Always "chat.completion.chunk".</summary>
    public string Object { get; } = "chat.completion.chunk";

    /// <summary>Unix seconds.</summary>
    public required long Created { get; init; }

    /// <summary>The model as the client named it.</summary>
    public required string Model { get; init; }

    /// <summary>One choice, or none in the usage chunk.</summary>
    public required IReadOnlyList<ChatChunkChoice> Choices { get; init; }

    /// <summary>Token counts, in the usage chunk or when they are asked for in every chunk.</summary>
    public UsageInfo? Usage { get; init; }
}

/// <summary>What is new in one choice.</summary>
public sealed record ChatChunkChoice
{
    /// <summary>Which.</summary>
    public required int Index { get; init; }

    /// <summary>What is added to the message.</summary>
    public required ChatDelta Delta { get; init; }

    /// <summary>Logprobs of the new tokens, when asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatLogprobs? Logprobs { get; init; }

    /// <summary>Set in the choice's last chunk.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }

    /// <summary>The stop string or token id that ended it.</summary>
    public EndedBy? StopReason { get; init; }
}

/// <summary>What is added to a message.</summary>
/// <param name="Role">"assistant" in a choice's first chunk.</param>
/// <param name="Content">New text.</param>
/// <param name="ToolCalls">What is new of calls.</param>
/// <param name="Reasoning">New thoughts: vLLM's and OpenRouter's name.</param>
public sealed record ChatDelta(string? Role = null, string? Content = null, IReadOnlyList<ChatToolCallPart>? ToolCalls = null, string? Reasoning = null)
{
    /// <summary>The same: DeepSeek's and SGLang's name.</summary>
    public string? ReasoningContent => Reasoning;
}
