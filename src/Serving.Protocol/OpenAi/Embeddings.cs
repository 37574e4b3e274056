using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Body of <c>POST /v1/embeddings</c>.</summary>
public sealed record EmbeddingRequest : IEmbeddingBody
{
    /// <summary>The base model or an adapter.</summary>
    public string? Model { get; init; }

    /// <summary>A text, a list of texts, token ids, or a list of lists of token ids.</summary>
    public PromptInput? Input { get; init; }

    /// <summary>A conversation, rendered by the model's template and embedded; in the place of input.</summary>
    public JsonElement? Messages { get; init; }

    /// <summary>Whether the template opens the assistant's turn behind the messages; not given is no.</summary>
    public bool? AddGenerationPrompt { get; init; }

    /// <summary>Extra variables of the template.</summary>
    public IReadOnlyDictionary<string, JsonElement>? ChatTemplateKwargs { get; init; }

    /// <summary>"float" for lists of numbers, "base64" for their bytes, fp32, little endian; not given is "float".</summary>
    public string? EncodingFormat { get; init; }

    /// <summary>Give so many of the leading elements.</summary>
    public int? Dimensions { get; init; }

    /// <summary>Scale embeddings to length 1; not given is yes.</summary>
    public bool? Normalize { get; init; }

    /// <summary>Keep so many tokens of each text; -1 keeps as many as the model takes.</summary>
    public int? TruncatePromptTokens { get; init; }

    /// <summary>"left" cuts the first tokens off, "right" the last; not given is "left".</summary>
    public string? TruncationSide { get; init; }

    /// <summary>Lower goes first among the tenant's own requests.</summary>
    public int? Priority { get; init; }

    /// <summary>The client's name for its own user; has no effect.</summary>
    public string? User { get; init; }

    /// <summary>Every other field.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}

/// <summary>Answer of <c>POST /v1/embeddings</c>.</summary>
public sealed record EmbeddingList
{
    /// <summary>"list".</summary>
    public string Object => "list";

    /// <summary>One for each input, in order.</summary>
    public required IReadOnlyList<EmbeddingEntry> Data { get; init; }

    /// <summary>The model.</summary>
    public required string Model { get; init; }

    /// <summary>Token counts.</summary>
    public required EmbeddingUsage Usage { get; init; }
}

/// <summary>One embedding.</summary>
public sealed record EmbeddingEntry
{
    /// <summary>"embedding".</summary>
    public string Object => "embedding";

    /// <summary>Of which input.</summary>
    public required int Index { get; init; }

    /// <summary>Its elements.</summary>
    public required EmbeddingVector Embedding { get; init; }
}

/// <summary>Token counts of embeddings.</summary>
/// <param name="PromptTokens">Tokens of all inputs.</param>
/// <param name="TotalTokens">The same: nothing is generated.</param>
/// <param name="PromptTokensDetails">Where they came from.</param>
public sealed record EmbeddingUsage(int PromptTokens, int TotalTokens, PromptTokensDetails PromptTokensDetails);

/// <summary>The elements of an embedding, written as a list of numbers or as base64 of their bytes.</summary>
/// <param name="Elements">The elements.</param>
/// <param name="AsBase64">How they are written.</param>
[JsonConverter(typeof(EmbeddingVectorConverter))]
public sealed record EmbeddingVector(IReadOnlyList<float> Elements, bool AsBase64);
