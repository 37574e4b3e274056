using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>A whole answer of <c>/v1/chat/completions</c>.</summary>
public sealed record ChatCompletion
{
    /// <summary>"chatcmpl-" and the request's id.</summary>
    public required string Id { get; init; }

    /// <summary>Always "chat.completion".</summary>
    public string Object { get; } = "chat.completion";

    /// <summary>Unix seconds.</summary>
    public required long Created { get; init; }

    /// <summary>The model as the client named it.</summary>
    public required string Model { get; init; }

    /// <summary>The choices by index.</summary>
    public required IReadOnlyList<ChatChoice> Choices { get; init; }

    /// <summary>Token counts.</summary>
    public required UsageInfo Usage { get; init; }

    /// <summary>By token id, the tokens of the prompt and the likeliest ones at each place, when asked for; null for the first, which has nothing before it.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, PromptLogprob>?>? PromptLogprobs { get; init; }
}

/// <summary>One choice of a chat.</summary>
public sealed record ChatChoice
{
    /// <summary>Which.</summary>
    public required int Index { get; init; }

    /// <summary>The answer.</summary>
    public required ChatMessage Message { get; init; }

    /// <summary>Logprobs, when asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ChatLogprobs? Logprobs { get; init; }

    /// <summary>"stop", "length" or "tool_calls".</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }

    /// <summary>The stop string or token id that ended it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public EndedBy? StopReason { get; init; }
}

/// <summary>The assistant's message.</summary>
public sealed record ChatMessage
{
    /// <summary>Always "assistant".</summary>
    public string Role { get; } = "assistant";

    /// <summary>The text; null when there are calls or thoughts and nothing else.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public required string? Content { get; init; }

    /// <summary>The thoughts before it: vLLM's and OpenRouter's name.</summary>
    public string? Reasoning { get; init; }

    /// <summary>The same: DeepSeek's and SGLang's name.</summary>
    public string? ReasoningContent => Reasoning;

    /// <summary>The tools that it calls.</summary>
    public IReadOnlyList<ChatToolCall>? ToolCalls { get; init; }

    /// <summary>Always null: the daemon refuses nothing on the model's behalf.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? Refusal { get; }
}
