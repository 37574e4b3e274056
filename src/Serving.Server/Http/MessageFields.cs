using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.Anthropic;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Fields of a message's body that need what is not there, each with the values that ask for what is done anyway; and those of a chat that are called otherwise here.</summary>
internal static class MessageFields
{
    private static readonly (string Name, Func<JsonElement, bool> AsksForNothing)[] Refused =
    [
        ("container", Never),
        ("mcp_servers", IsEmptyList),
        ("context_management", KeepsAll),
        ("compaction", Never),
        ("thread", Never),
        ("fallbacks", IsEmptyList),
        ("diagnostics", Never),
        ("inference_geo", Never),
        ("speed", static value => KnownFields.IsText(value, "standard")),
        ("service_tier", static value => KnownFields.IsText(value, "auto", "standard_only")),
        ("logprobs", static value => value.ValueKind == JsonValueKind.False),
        ("include_reasoning", static value => value.ValueKind == JsonValueKind.True),
        ("parallel_tool_calls", static value => value.ValueKind == JsonValueKind.True),
        ("reasoning_effort", Never),
    ];

    /// <summary>Checks a body's fields, those of its type that a message has not among them.</summary>
    /// <param name="body">The body.</param>
    /// <param name="unknown">How many of its fields nobody knows.</param>
    public static RequestFailure? Check(MessageRequest body, out int unknown)
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

        return KnownFields.Check(others, out unknown) ?? Inherited(body) ?? Metadata(body.Metadata);
    }

    /// <summary>Checks what only an answer needs.</summary>
    public static RequestFailure? CheckAnswer(MessageRequest body) =>
        body.MaxTokens is null ? ConstraintFields.Invalid("max_tokens", "is missing.")
        : body.Temperature > 1 ? ConstraintFields.Invalid("temperature", "must be at least 0 and at most 1.")
        : null;

    private static RequestFailure? Inherited(MessageRequest body) =>
        body.Stop is not null ? ConstraintFields.Invalid("stop", "a message has stop_sequences.")
        : body.ResponseFormat is { ValueKind: not JsonValueKind.Null } ? ConstraintFields.Invalid("response_format", "a message has output_config.format.")
        : body.User is not null ? ConstraintFields.Invalid("user", "a message has metadata.user_id.")
        : body.StreamOptions is not null ? ConstraintFields.Invalid("stream_options", "a message's stream has its usage in any case.")
        : body.N is not null and not 1 ? NotSupported("n", "a message has one choice.")
        : body.Echo == true ? NotSupported("echo", "is not supported in a message.")
        : body.PromptSchema is not null ? NotSupported("prompt_schema", "is not supported in a message; a chat takes it.")
        : null;

    private static RequestFailure? Metadata(JsonElement? metadata)
    {
        if (metadata is not { ValueKind: not JsonValueKind.Null } given)
        {
            return null;
        }

        if (given.ValueKind != JsonValueKind.Object || !JsonStrings.AreText(given))
        {
            return ConstraintFields.Invalid("metadata", "is an object.");
        }

        return given.TryGetProperty("user_id", out var user) && user.ValueKind is not (JsonValueKind.String or JsonValueKind.Null)
            ? ConstraintFields.Invalid("metadata.user_id", "is a string.")
            : UserField.Check(MessageText.Property(given, "user_id"), "metadata.user_id");
    }

    // Claude Code says so: that no thoughts are to be taken out of earlier turns.
    private static bool KeepsAll(JsonElement management) =>
        management.ValueKind == JsonValueKind.Object && management.TryGetProperty("edits", out var edits) && edits.ValueKind == JsonValueKind.Array
        && edits.EnumerateArray().All(static edit => edit.ValueKind == JsonValueKind.Object && edit.TryGetProperty("keep", out var keep) && KnownFields.IsText(keep, "all"));

    private static bool Never(JsonElement value) => false;

    private static bool IsEmptyList(JsonElement value) => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0;

    private static RequestFailure NotSupported(string field, string message) => new(RequestError.NotSupported, $"{field}: {message}", field);
}
