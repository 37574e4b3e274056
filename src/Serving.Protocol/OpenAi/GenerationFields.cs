using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>
/// What chat completions and completions have in common, as a client sends it (OpenAI's fields and vLLM's additions). Null is "not given";
/// ranges are the engine's affair.
/// </summary>
public abstract record GenerationFields : IRequestBody
{
    /// <summary>The base model or an adapter; not given is the base.</summary>
    public string? Model { get; init; }

    /// <summary>The schema whose modules the prompt imports.</summary>
    public string? PromptSchema { get; init; }

    /// <summary>Most tokens to generate per choice.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Keep so many tokens of the prompt; -1 keeps as many as the model's length leaves beside max_tokens.</summary>
    public int? TruncatePromptTokens { get; init; }

    /// <summary>"left" cuts the first tokens off, "right" the last; not given is "left".</summary>
    public string? TruncationSide { get; init; }

    /// <summary>0 … 2; below 1e-5 is greedy.</summary>
    public float? Temperature { get; init; }

    /// <summary>Nucleus mass in (0, 1].</summary>
    public float? TopP { get; init; }

    /// <summary>Keep the k most likely; 0 and -1 keep all.</summary>
    public int? TopK { get; init; }

    /// <summary>Keep tokens with at least this share of the best one's probability.</summary>
    public float? MinP { get; init; }

    /// <summary>One stop string or a list.</summary>
    [JsonConverter(typeof(StringListConverter))]
    public IReadOnlyList<string>? Stop { get; init; }

    /// <summary>Token ids that end a choice.</summary>
    public IReadOnlyList<int>? StopTokenIds { get; init; }

    /// <summary>Tokens of a choice before it may end.</summary>
    public int? MinTokens { get; init; }

    /// <summary>Texts whose tokens may not be in a choice.</summary>
    public IReadOnlyList<string>? BadWords { get; init; }

    /// <summary>The only tokens that may be in a choice.</summary>
    public IReadOnlyList<int>? AllowedTokenIds { get; init; }

    /// <summary>Key of the random numbers: equal requests with equal seeds have equal answers.</summary>
    public long? Seed { get; init; }

    /// <summary>-2 … 2.</summary>
    public float? PresencePenalty { get; init; }

    /// <summary>-2 … 2.</summary>
    public float? FrequencyPenalty { get; init; }

    /// <summary>Above 0; 1 is off.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>Token id, written as a string, to what is added to its logit.</summary>
    public IReadOnlyDictionary<string, float>? LogitBias { get; init; }

    /// <summary>OpenAI's: text, json_object or json_schema.</summary>
    public JsonElement? ResponseFormat { get; init; }

    /// <summary>vLLM's: one of json, json_object, regex and choice.</summary>
    public JsonElement? StructuredOutputs { get; init; }

    /// <summary>A JSON Schema, as older clients of vLLM send it.</summary>
    public JsonElement? GuidedJson { get; init; }

    /// <summary>A regular expression that the whole answer matches.</summary>
    public JsonElement? GuidedRegex { get; init; }

    /// <summary>The texts that the answer may be.</summary>
    public JsonElement? GuidedChoice { get; init; }

    /// <summary>The grammar of the answer: GBNF, EBNF or Lark's.</summary>
    public JsonElement? GuidedGrammar { get; init; }

    /// <summary>The same, as llama.cpp names it.</summary>
    public JsonElement? Grammar { get; init; }

    /// <summary>The same, as SGLang names it.</summary>
    public JsonElement? Ebnf { get; init; }

    /// <summary>A regular expression that the whole answer matches, as SGLang names it.</summary>
    public JsonElement? Regex { get; init; }

    /// <summary>A JSON Schema that the answer satisfies, as llama.cpp and SGLang name it.</summary>
    public JsonElement? JsonSchema { get; init; }

    /// <summary>Number of choices.</summary>
    public int? N { get; init; }

    /// <summary>Answer in server-sent events.</summary>
    public bool? Stream { get; init; }

    /// <summary>What a stream carries beside text.</summary>
    public StreamOptions? StreamOptions { get; init; }

    /// <summary>Go on past the model's end-of-sequence tokens.</summary>
    public bool? IgnoreEos { get; init; }

    /// <summary>Give the prompt back before the completion.</summary>
    public bool? Echo { get; init; }

    /// <summary>Lower goes first among the tenant's own requests.</summary>
    public int? Priority { get; init; }

    /// <summary>The client's name for its own user; has no effect.</summary>
    public string? User { get; init; }

    /// <summary>Every field that is none of the above.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Others { get; set; }
}
