using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Body of <c>POST /v1/score</c>, as vLLM has it.</summary>
public sealed record ScoreRequest : IEmbeddingBody
{
    /// <summary>The base model or an adapter.</summary>
    public string? Model { get; init; }

    /// <summary>One text, which is compared with every other; or as many as there are others.</summary>
    [JsonPropertyName("text_1")]
    [JsonConverter(typeof(StringListConverter))]
    public IReadOnlyList<string>? Text1 { get; init; }

    /// <summary>The others.</summary>
    [JsonPropertyName("text_2")]
    [JsonConverter(typeof(StringListConverter))]
    public IReadOnlyList<string>? Text2 { get; init; }

    /// <summary>Another name of <c>text_1</c>.</summary>
    [JsonConverter(typeof(StringListConverter))]
    public IReadOnlyList<string>? Queries { get; init; }

    /// <summary>Another name of <c>text_2</c>.</summary>
    [JsonConverter(typeof(StringListConverter))]
    public IReadOnlyList<string>? Documents { get; init; }

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

/// <summary>Answer of <c>POST /v1/score</c>.</summary>
public sealed record ScoreList
{
    /// <summary>The answer's id.</summary>
    public required string Id { get; init; }

    /// <summary>"list".</summary>
    public string Object => "list";

    /// <summary>Unix seconds.</summary>
    public required long Created { get; init; }

    /// <summary>The model.</summary>
    public required string Model { get; init; }

    /// <summary>One for each pair, in order.</summary>
    public required IReadOnlyList<ScoreEntry> Data { get; init; }

    /// <summary>Token counts.</summary>
    public required EmbeddingUsage Usage { get; init; }
}

/// <summary>How alike the texts of a pair are.</summary>
public sealed record ScoreEntry
{
    /// <summary>Of which pair.</summary>
    public required int Index { get; init; }

    /// <summary>"score".</summary>
    public string Object => "score";

    /// <summary>From -1 to 1.</summary>
    public required float Score { get; init; }
}

/// <summary>Body of <c>POST /v1/rerank</c>, as Jina, Cohere and vLLM have it.</summary>
public sealed record RerankRequest : IEmbeddingBody
{
    /// <summary>The base model or an adapter.</summary>
    public string? Model { get; init; }

    /// <summary>What is looked for.</summary>
    public string? Query { get; init; }

    /// <summary>The texts to order: strings, or objects with a text.</summary>
    [JsonConverter(typeof(DocumentListConverter))]
    public IReadOnlyList<string>? Documents { get; init; }

    /// <summary>Give so many of the best; 0, or not given, gives all.</summary>
    public int? TopN { get; init; }

    /// <summary>Give the texts back too; not given is yes.</summary>
    public bool? ReturnDocuments { get; init; }

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

/// <summary>Answer of <c>POST /v1/rerank</c>.</summary>
public sealed record RerankList
{
    /// <summary>The answer's id.</summary>
    public required string Id { get; init; }

    /// <summary>The model.</summary>
    public required string Model { get; init; }

    /// <summary>Token counts.</summary>
    public required EmbeddingUsage Usage { get; init; }

    /// <summary>The best first.</summary>
    public required IReadOnlyList<RerankEntry> Results { get; init; }
}

/// <summary>One document's place.</summary>
/// <param name="Index">Which document of the request it is.</param>
/// <param name="Document">The document.</param>
/// <param name="RelevanceScore">How alike it and the query are, from -1 to 1.</param>
public sealed record RerankEntry(int Index, RerankDocument? Document, float RelevanceScore);

/// <summary>A document.</summary>
/// <param name="Text">Its text.</param>
public sealed record RerankDocument(string Text);
