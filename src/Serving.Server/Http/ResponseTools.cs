using System.Buffers;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Server.Http;

/// <summary>Writes a response's tools, whose functions lie flat, as a chat's. What they hold is checked by the engine.</summary>
internal static class ResponseTools
{
    private static readonly string[] Fields = ["name", "description", "parameters", "strict"];

    /// <summary>Reads tools; none where the list is empty.</summary>
    public static (JsonElement? Tools, RequestFailure? Failure) Read(JsonElement? wire)
    {
        if (wire is not { ValueKind: not JsonValueKind.Null } tools || tools is { ValueKind: JsonValueKind.Array } && tools.GetArrayLength() == 0)
        {
            return (null, null);
        }

        if (tools.ValueKind != JsonValueKind.Array || tools.EnumerateArray().Any(static tool => tool.ValueKind != JsonValueKind.Object))
        {
            return (null, new RequestFailure(RequestError.InvalidRequest, "tools: is a list of objects.", "tools"));
        }

        if (!JsonStrings.AreText(tools))
        {
            return (null, new RequestFailure(RequestError.InvalidRequest, "tools: a string holds an unpaired surrogate.", "tools"));
        }

        var index = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            if (!tool.TryGetProperty("type", out var type) || !KnownFields.IsText(type, "function"))
            {
                var field = $"tools[{index}].type";
                return (null, new RequestFailure(RequestError.NotSupported, $"{field}: a tool of this type is not supported; function is.", field));
            }

            index++;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            Write(json, tools);
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return (JsonElement.ParseValue(ref reader), null);
    }

    /// <summary>Reads tool_choice: a word, or an object that names a function.</summary>
    public static (ToolChoice Choice, RequestFailure? Failure) ReadChoice(JsonElement? wire)
    {
        if (wire is not { ValueKind: JsonValueKind.Object } choice || !JsonStrings.AreText(choice))
        {
            return wire is { ValueKind: JsonValueKind.Object } ? (ToolChoice.Auto, Malformed()) : ToolChoiceReader.Read(wire);
        }

        return choice.TryGetProperty("type", out var type) && KnownFields.IsText(type, "function")
            ? choice.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String
                ? (new ToolChoice(ToolChoiceKind.Function, name.GetString()), null)
                : (ToolChoice.Auto, Malformed())
            : (ToolChoice.Auto, KnownFields.NotSupported("tool_choice", choice));
    }

    private static RequestFailure Malformed() => new(RequestError.InvalidRequest, "tool_choice: is a word, or an object that names a function.", "tool_choice");

    private static void Write(Utf8JsonWriter json, JsonElement tools)
    {
        json.WriteStartArray();
        foreach (var tool in tools.EnumerateArray())
        {
            json.WriteStartObject();
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            foreach (var property in tool.EnumerateObject().Where(static property => Fields.Contains(property.Name) && property.Value.ValueKind != JsonValueKind.Null))
            {
                property.WriteTo(json);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
