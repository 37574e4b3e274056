using System.Text.Json;
using System.Text.Json.Serialization;
using Serving.Protocol.OpenAi;

namespace Serving.Protocol.Anthropic;

/// <summary>Body of <c>POST /v1/messages</c> and <c>POST /v1/messages/count_tokens</c>; sampling as in a chat.</summary>
public sealed record MessageRequest : GenerationFields
{
    /// <summary>The conversation: messages of "user", "assistant" and "system", whose content is a text or a list of blocks.</summary>
    public JsonElement? Messages { get; init; }

    /// <summary>What stands before it: a text, or a list of text blocks.</summary>
    public JsonElement? System { get; init; }

    /// <summary>Texts that end the answer.</summary>
    [JsonConverter(typeof(StringListConverter))]
    public IReadOnlyList<string>? StopSequences { get; init; }

    /// <summary>The functions that the answer may call.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>Whether it may call them, or must: an object with a type.</summary>
    public JsonElement? ToolChoice { get; init; }

    /// <summary>Whether the model thinks before it answers: an object with a type.</summary>
    public JsonElement? Thinking { get; init; }

    /// <summary>What the answer has to be (format), and how much thought goes into it (effort).</summary>
    public JsonElement? OutputConfig { get; init; }

    /// <summary>An older place of output_config.format.</summary>
    public JsonElement? OutputFormat { get; init; }

    /// <summary>user_id: the client's name for its own user; has no effect.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>Has no effect: prefixes are cached without being told.</summary>
    public JsonElement? CacheControl { get; init; }

    /// <summary>Extra variables of the template.</summary>
    public IReadOnlyDictionary<string, JsonElement>? ChatTemplateKwargs { get; init; }
}
