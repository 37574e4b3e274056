using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Fields of a response's body that need state which is not kept, or tools that are not there: each with the values that ask for what is done anyway.</summary>
internal static class ResponseFields
{
    /// <summary>What may be asked for with include: logprobs, and thoughts for the next request, which are in the answer as they are.</summary>
    public const string IncludedLogprobs = "message.output_text.logprobs";

    private const string IncludedThoughts = "reasoning.encrypted_content";

    private static readonly (string Name, Func<JsonElement, bool> AsksForNothing)[] Refused =
    [
        ("prompt", static _ => false),
        ("max_tool_calls", static _ => false),
        ("context_management", static value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0),
        ("truncation", static value => KnownFields.IsText(value, "disabled")),
        ("include_reasoning", static value => value.ValueKind == JsonValueKind.True),
        ("logprobs", IsFalse),
    ];

    /// <summary>Checks a body's fields, those of its type that a response has not among them.</summary>
    /// <param name="body">The body.</param>
    /// <param name="unknown">How many of its fields nobody knows.</param>
    public static RequestFailure? Check(ResponseRequest body, out int unknown)
    {
        unknown = 0;
        var others = new Dictionary<string, JsonElement>(body.Others ?? []);
        foreach (var (name, asksForNothing) in Refused)
        {
            if (others.Remove(name, out var value) && value.ValueKind != JsonValueKind.Null && !(JsonStrings.AreText(value) && asksForNothing(value)))
            {
                return KnownFields.NotSupported(name, value);
            }
        }

        return KnownFields.Check(others, out unknown) ?? Inherited(body) ?? Background(body) ?? Include(body) ?? CheckMetadata(body.Metadata) ?? UserField.Check(body.SafetyIdentifier, "safety_identifier");
    }

    private static RequestFailure? Inherited(ResponseRequest body) =>
        body.MaxTokens is not null ? Invalid("max_tokens", "a response has max_output_tokens.")
        : body.ResponseFormat is { ValueKind: not JsonValueKind.Null } ? Invalid("response_format", "a response has text.format.")
        : body.N is not null and not 1 ? NotSupported("n", "a response has one choice.")
        : body.Echo == true ? NotSupported("echo", "is not supported in a response.")
        : body.PromptSchema is not null ? NotSupported("prompt_schema", "is not supported in a response; a chat takes it.")
        : null;

    private static RequestFailure? Background(ResponseRequest body) =>
        body.Background != true ? null
        : body.Stream == true ? NotSupported("background", "is not supported in a stream.")
        : body.Store == false ? Invalid("background", "the response is kept until it is asked for: not together with store.")
        : null;

    private static RequestFailure? Include(ResponseRequest body)
    {
        var include = body.Include ?? [];
        return include.FirstOrDefault(static entry => entry is not (IncludedLogprobs or IncludedThoughts)) is not null
            ? NotSupported("include", $"{IncludedLogprobs} and {IncludedThoughts} are taken.")
            : body.TopLogprobs is not null and not 0 && !include.Contains(IncludedLogprobs) ? Invalid("top_logprobs", $"only with {IncludedLogprobs} in include.")
            : null;
    }

    /// <summary>Checks labels, by OpenAI's bounds.</summary>
    public static RequestFailure? CheckMetadata(JsonElement? metadata) => metadata switch
    {
        null or { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: JsonValueKind.Object } labels when JsonStrings.AreText(labels) && labels.EnumerateObject().Count() <= 16
            && labels.EnumerateObject().All(static label => label.Name.Length <= 64 && label.Value.ValueKind == JsonValueKind.String && label.Value.GetString()!.Length <= 512) => null,
        _ => Invalid("metadata", "up to 16 texts of up to 512 characters, under names of up to 64."),
    };

    private static bool IsFalse(JsonElement value) => value.ValueKind == JsonValueKind.False;

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, $"{field}: {message}", field);

    private static RequestFailure NotSupported(string field, string message) => new(RequestError.NotSupported, $"{field}: {message}", field);
}
