using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>A whole answer of <c>/v1/completions</c>, or one event of a streamed one.</summary>
public sealed record TextCompletion
{
    /// <summary>"cmpl-" and the request's id.</summary>
    public required string Id { get; init; }

    /// <summary>Always "text_completion".</summary>
    public string Object { get; } = "text_completion";

    /// <summary>Unix seconds.</summary>
    public required long Created { get; init; }

    /// <summary>The model as the client named it.</summary>
    public required string Model { get; init; }

    /// <summary>The choices: those of prompt p have the indices p·n … p·n + n − 1.</summary>
    public required IReadOnlyList<CompletionChoice> Choices { get; init; }

    /// <summary>Token counts.</summary>
    public UsageInfo? Usage { get; init; }
}

/// <summary>One choice of a completion, or what is new in it.</summary>
public sealed record CompletionChoice
{
    /// <summary>Which.</summary>
    public required int Index { get; init; }

    /// <summary>The text.</summary>
    public required string Text { get; init; }

    /// <summary>Logprobs, when asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public CompletionLogprobs? Logprobs { get; init; }

    /// <summary>"stop" or "length".</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? FinishReason { get; init; }

    /// <summary>The stop string or token id that ended it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public EndedBy? StopReason { get; init; }

    /// <summary>By token id, the tokens of the prompt and the likeliest ones at each place, when asked for; null for the first, which has nothing before it.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, PromptLogprob>?>? PromptLogprobs { get; init; }
}

/// <summary>Logprobs of a completion: parallel lists, one entry per token.</summary>
public sealed record CompletionLogprobs
{
    /// <summary>Each token's place in the text, in characters (Unicode scalar values).</summary>
    public required IReadOnlyList<int> TextOffset { get; init; }

    /// <summary>Natural logarithm of each token's probability; null for the first token of an echoed prompt.</summary>
    public required IReadOnlyList<float?> TokenLogprobs { get; init; }

    /// <summary>Each token's text.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>The most likely tokens at each place, by text.</summary>
    public required IReadOnlyList<IReadOnlyDictionary<string, float>?> TopLogprobs { get; init; }
}
