using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Requests;

/// <summary>The calls that an assistant's earlier message made, as a client sends them back: checked, and brought into the style of the model's template.</summary>
internal static class AssistantCalls
{
    /// <summary>Whether a message made calls.</summary>
    public static bool Has(JsonElement message) =>
        message.TryGetProperty("tool_calls", out var calls) && calls.ValueKind == JsonValueKind.Array && calls.GetArrayLength() > 0;

    /// <summary>Checks a message's calls.</summary>
    /// <param name="message">The message, an object.</param>
    /// <param name="field">Its name.</param>
    public static RequestFailure? Check(JsonElement message, string field)
    {
        if (message.TryGetProperty("tool_call_id", out var answered) && answered.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
        {
            return Invalid(field + ".tool_call_id", "tool_call_id must be a string.");
        }

        if (!message.TryGetProperty("tool_calls", out var calls) || calls.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        field += ".tool_calls";
        if (calls.ValueKind != JsonValueKind.Array || calls.GetArrayLength() > ToolCallParser.MaxCalls)
        {
            return Invalid(field, $"tool_calls must be an array of at most {ToolCallParser.MaxCalls} calls.");
        }

        return calls.EnumerateArray().Select(call => Call(call, field)).FirstOrDefault(failure => failure is not null);
    }

    /// <summary>Writes a message's calls.</summary>
    public static void Write(Utf8JsonWriter json, JsonElement calls, CallStyle style, EarlierIds ids)
    {
        json.WriteStartArray("tool_calls");
        foreach (var call in calls.EnumerateArray())
        {
            json.WriteStartObject();
            foreach (var property in call.EnumerateObject())
            {
                if (property.NameEquals("id"))
                {
                    json.WriteString("id", ids.Of(property.Value.GetString()));
                }
                else if (property.NameEquals("type"))
                {
                    json.WriteString("type", "function");
                }
                else if (property.NameEquals("function") || property.NameEquals(CustomTools.Type))
                {
                    WriteTool(json, property, style);
                }
                else
                {
                    property.WriteTo(json);
                }
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteTool(Utf8JsonWriter json, JsonProperty tool, CallStyle style)
    {
        if (tool.Value.ValueKind == JsonValueKind.Object && tool.NameEquals(CustomTools.Type))
        {
            CustomTools.WriteCall(json, tool.Value, style);
        }
        else if (tool.Value.ValueKind == JsonValueKind.Object)
        {
            WriteFunction(json, tool.Value, style);
        }
    }

    private static void WriteFunction(Utf8JsonWriter json, JsonElement function, CallStyle style)
    {
        json.WriteStartObject("function");
        foreach (var property in function.EnumerateObject())
        {
            if (property.NameEquals("arguments"))
            {
                json.WritePropertyName("arguments");
                WriteArguments(json, property.Value, style);
            }
            else
            {
                property.WriteTo(json);
            }
        }

        json.WriteEndObject();
    }

    // What the model wrote may be cut off: then it is a text in any case, as a client has it.
    private static void WriteArguments(Utf8JsonWriter json, JsonElement arguments, CallStyle style)
    {
        if (style.ArgumentsAsText == (arguments.ValueKind == JsonValueKind.String))
        {
            arguments.WriteTo(json);
        }
        else if (style.ArgumentsAsText)
        {
            json.WriteStringValue(arguments.GetRawText());
        }
        else if (ObjectOf(arguments.GetString()!) is { } parsed)
        {
            parsed.WriteTo(json);
        }
        else
        {
            arguments.WriteTo(json);
        }
    }

    private static JsonElement? ObjectOf(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 32 });
            return document.RootElement.ValueKind == JsonValueKind.Object && JsonStrings.AreText(document.RootElement) ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static RequestFailure? Call(JsonElement call, string field)
    {
        var isCustom = call.ValueKind == JsonValueKind.Object && CustomTools.Is(call);
        if (call.ValueKind != JsonValueKind.Object || !call.TryGetProperty(isCustom ? CustomTools.Type : "function", out var function) || function.ValueKind != JsonValueKind.Object
            || (call.TryGetProperty(isCustom ? "function" : CustomTools.Type, out var other) && other.ValueKind != JsonValueKind.Null))
        {
            return Invalid(field, "A tool call must be an object with a function, or of type custom with what that is.");
        }

        if (call.TryGetProperty("id", out var id) && id.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
        {
            return Invalid(field, "A tool call's id must be a string.");
        }

        if (isCustom)
        {
            return Has(function, "name") && Has(function, "input") ? null : Invalid(field, "A custom tool call must have a name and an input: strings.");
        }

        if (!function.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String)
        {
            return Invalid(field, "A tool call's function must have a name.");
        }

        return function.TryGetProperty("arguments", out var arguments) && arguments.ValueKind is JsonValueKind.String or JsonValueKind.Object
            ? null
            : Invalid(field, "A tool call's function must have arguments: a string that holds JSON.");
    }

    private static bool Has(JsonElement custom, string name) => custom.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String;

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, message, field);
}
