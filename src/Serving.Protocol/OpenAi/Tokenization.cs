using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Body of <c>POST /tokenize</c>: a prompt or messages.</summary>
public sealed record TokenizeRequest : IRequestBody
{
    /// <summary>The base model or an adapter.</summary>
    public string? Model { get; init; }

    /// <summary>A text.</summary>
    public string? Prompt { get; init; }

    /// <summary>A conversation, rendered by the model's template.</summary>
    public JsonElement? Messages { get; init; }

    /// <summary>Add the tokenizer's special tokens to a prompt; not given is yes.</summary>
    public bool? AddSpecialTokens { get; init; }

    /// <summary>Whether the template opens the assistant's turn; not given is yes.</summary>
    public bool? AddGenerationPrompt { get; init; }

    /// <summary>Give the tokens' texts too.</summary>
    public bool? ReturnTokenStrs { get; init; }

    /// <summary>Tools handed to the template.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>Extra variables of the template.</summary>
    public IReadOnlyDictionary<string, JsonElement>? ChatTemplateKwargs { get; init; }

    /// <summary>How much a chat's answer is to think.</summary>
    public string? ReasoningEffort { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>Answer of <c>POST /tokenize</c>.</summary>
/// <param name="Count">Number of tokens.</param>
/// <param name="MaxModelLen">Longest context.</param>
/// <param name="Tokens">The ids.</param>
/// <param name="TokenStrs">Their texts, when asked for.</param>
public sealed record TokenizeResponse(
    int Count,
    int MaxModelLen,
    IReadOnlyList<int> Tokens,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] IReadOnlyList<string>? TokenStrs);

/// <summary>Body of <c>POST /detokenize</c>.</summary>
public sealed record DetokenizeRequest : IRequestBody
{
    /// <summary>The base model or an adapter.</summary>
    public string? Model { get; init; }

    /// <summary>Token ids.</summary>
    public IReadOnlyList<int>? Tokens { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>Answer of <c>POST /detokenize</c>.</summary>
/// <param name="Prompt">The text.</param>
public sealed record DetokenizeResponse(string Prompt);
