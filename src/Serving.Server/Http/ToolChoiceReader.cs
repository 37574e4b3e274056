using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Server.Http;

/// <summary>Reads tool_choice: a word, or an object that names a function or a custom tool. Whether it is among the tools is checked by the engine.</summary>
internal static class ToolChoiceReader
{
    /// <summary>Reads it.</summary>
    /// <returns>The choice, or a failure.</returns>
    public static (ToolChoice Choice, RequestFailure? Failure) Read(JsonElement? wire) => wire switch
    {
        null or { ValueKind: JsonValueKind.Null } => (ToolChoice.Auto, null),
        { ValueKind: JsonValueKind.String } word => OfWord(word),
        { ValueKind: JsonValueKind.Object } value => OfObject(value),
        _ => (ToolChoice.Auto, Invalid()),
    };

    private static (ToolChoice Choice, RequestFailure? Failure) OfWord(JsonElement word) =>
        KnownFields.IsText(word, "auto") ? (ToolChoice.Auto, null)
        : KnownFields.IsText(word, "none") ? (new ToolChoice(ToolChoiceKind.None), null)
        : KnownFields.IsText(word, "required") ? (new ToolChoice(ToolChoiceKind.Required), null)
        : (ToolChoice.Auto, Invalid());

    private static (ToolChoice Choice, RequestFailure? Failure) OfObject(JsonElement value)
    {
        if (!value.TryGetProperty("type", out var type) || !KnownFields.IsText(type, "function", CustomTools.Type))
        {
            // OpenAI's own servers know more types.
            return (ToolChoice.Auto, type.ValueKind == JsonValueKind.String ? KnownFields.NotSupported("tool_choice", value) : Invalid());
        }

        return value.TryGetProperty(type.GetString()!, out var function) && function.ValueKind == JsonValueKind.Object
            && function.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String && JsonStrings.AreText(name)
            ? (new ToolChoice(ToolChoiceKind.Function, name.GetString()), null)
            : (ToolChoice.Auto, Invalid());
    }

    private static RequestFailure Invalid() =>
        new(RequestError.InvalidRequest, "tool_choice: expected \"none\", \"auto\", \"required\" or {\"type\": \"function\", \"function\": {\"name\": …}}, or the same with custom.", "tool_choice");
}
