using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Protocol.OpenAi;

/// <summary>Body of <c>POST /v1/responses</c>; sampling as in a chat.</summary>
public sealed record ResponseRequest : GenerationFields
{
    /// <summary>A text, or a list of items: messages, calls of functions and their results, thoughts, or references to items of earlier responses.</summary>
    public JsonElement? Input { get; init; }

    /// <summary>The response whose conversation the input goes on with; its instructions do not come with it.</summary>
    public string? PreviousResponseId { get; init; }

    /// <summary>The conversation that the input goes on with, and that input and answer are added to: its id, or an object with it.</summary>
    public JsonElement? Conversation { get; init; }

    /// <summary>Whether the response is kept, for a time, to be gone on from; not given is yes, where the server keeps any.</summary>
    public bool? Store { get; init; }

    /// <summary>Whether the answer is to be asked for later, by its id; not in a stream.</summary>
    public bool? Background { get; init; }

    /// <summary>A message of the system's before the input.</summary>
    public string? Instructions { get; init; }

    /// <summary>Most tokens to generate, thoughts included.</summary>
    public int? MaxOutputTokens { get; init; }

    /// <summary>The functions and custom tools that the answer may call, and namespaces of such.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>"none", "auto", "required", or an object that names a tool.</summary>
    public JsonElement? ToolChoice { get; init; }

    /// <summary>Whether the answer may make several calls; false: it ends with the first.</summary>
    public bool? ParallelToolCalls { get; init; }

    /// <summary>What the answer's text has to be: format is text, json_object or json_schema.</summary>
    public JsonElement? Text { get; init; }

    /// <summary>How much to think: effort.</summary>
    public JsonElement? Reasoning { get; init; }

    /// <summary>Extra variables of the template.</summary>
    public IReadOnlyDictionary<string, JsonElement>? ChatTemplateKwargs { get; init; }

    /// <summary>What else the answer is to hold.</summary>
    [JsonConverter(typeof(StringListConverter))]
    public IReadOnlyList<string>? Include { get; init; }

    /// <summary>How many most likely tokens to report per position; needs its include.</summary>
    public int? TopLogprobs { get; init; }

    /// <summary>Labels, which come back with the answer.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>A name for the client's own user, which comes back with the answer.</summary>
    public string? SafetyIdentifier { get; init; }
}
