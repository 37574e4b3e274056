using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>Writes the tools of Anthropic's API as a chat's. What they hold is checked by the engine.</summary>
internal static class MessageTools
{
    private static readonly (string Name, string ChatName)[] Fields = [("name", "name"), ("description", "description"), ("input_schema", "parameters"), ("strict", "strict")];

    // Each with the values that ask for what is done anyway.
    private static readonly (string Name, Func<JsonElement, bool> AsksForNothing)[] Refused =
    [
        ("defer_loading", static value => value.ValueKind == JsonValueKind.False),
        ("allowed_callers", static value => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(static caller => KnownFields.IsText(caller, "direct"))),
        ("input_examples", static value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0),
    ];

    /// <summary>Reads tools; none where the list is empty.</summary>
    public static (JsonElement? Tools, RequestFailure? Failure) Read(JsonElement? wire)
    {
        if (wire is not { ValueKind: not JsonValueKind.Null } tools || tools is { ValueKind: JsonValueKind.Array } && tools.GetArrayLength() == 0)
        {
            return (null, null);
        }

        if (tools.ValueKind != JsonValueKind.Array || !JsonStrings.AreText(tools))
        {
            return (null, ConstraintFields.Invalid("tools", "is a list of objects, whose strings are text."));
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            var index = 0;
            foreach (var tool in tools.EnumerateArray())
            {
                if (Check(tool, string.Create(CultureInfo.InvariantCulture, $"tools[{index++}]")) is { } failure)
                {
                    return (null, failure);
                }

                Write(json, tool);
            }

            json.WriteEndArray();
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return (JsonElement.ParseValue(ref reader), null);
    }

    /// <summary>Reads tool_choice, and whether an answer may make several calls.</summary>
    public static (ToolChoice Choice, bool ParallelCalls, RequestFailure? Failure) ReadChoice(JsonElement? wire)
    {
        if (wire is not { ValueKind: not JsonValueKind.Null } choice)
        {
            return (ToolChoice.Auto, true, null);
        }

        if (choice.ValueKind != JsonValueKind.Object || !JsonStrings.AreText(choice))
        {
            return Malformed();
        }

        var single = choice.TryGetProperty("disable_parallel_tool_use", out var flag) ? flag.ValueKind : JsonValueKind.Null;
        if (single is not (JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null))
        {
            return Malformed();
        }

        var isParallel = single != JsonValueKind.True;
        return MessageText.Property(choice, "type") switch
        {
            "auto" => (ToolChoice.Auto, isParallel, null),
            "any" => (new ToolChoice(ToolChoiceKind.Required), isParallel, null),
            "none" => (new ToolChoice(ToolChoiceKind.None), isParallel, null),
            "tool" when MessageText.Property(choice, "name") is { } name => (new ToolChoice(ToolChoiceKind.Function, name), isParallel, null),
            _ => Malformed(),
        };
    }

    private static (ToolChoice Choice, bool ParallelCalls, RequestFailure? Failure) Malformed() => (ToolChoice.Auto, true, ConstraintFields.Invalid(
        "tool_choice", "expected {\"type\": …} of auto, any, none, or tool with a name, and disable_parallel_tool_use as true or false."));

    private static RequestFailure? Check(JsonElement tool, string field)
    {
        if (tool.ValueKind != JsonValueKind.Object)
        {
            return ConstraintFields.Invalid(field, "a tool is an object.");
        }

        if (tool.TryGetProperty("type", out var type) && type.ValueKind != JsonValueKind.Null && !KnownFields.IsText(type, "custom"))
        {
            return new RequestFailure(RequestError.NotSupported, $"{field}.type: a tool of this type is not supported; custom is.", field + ".type");
        }

        if (!tool.TryGetProperty("input_schema", out var schema) || schema.ValueKind != JsonValueKind.Object)
        {
            return ConstraintFields.Invalid(field + ".input_schema", "is an object: a JSON Schema.");
        }

        foreach (var (name, asksForNothing) in Refused)
        {
            if (tool.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null && !asksForNothing(value))
            {
                return KnownFields.NotSupported($"{field}.{name}", value);
            }
        }

        return null;
    }

    private static void Write(Utf8JsonWriter json, JsonElement tool)
    {
        json.WriteStartObject();
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        foreach (var (name, chatName) in Fields)
        {
            if (tool.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null)
            {
                json.WritePropertyName(chatName);
                value.WriteTo(json);
            }
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }
}
