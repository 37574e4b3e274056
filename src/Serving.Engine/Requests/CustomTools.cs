using System.Buffers;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Requests;

/// <summary>What the text of a call of a custom tool has to be.</summary>
/// <param name="Syntax">"lark" or "regex".</param>
/// <param name="Definition">The grammar, or the regular expression.</param>
/// <param name="Field">Where it stands in the request, for messages.</param>
public sealed record CustomFormat(string Syntax, string Definition, string Field);

/// <summary>
/// OpenAI's custom tools: called with one text in place of arguments, which may be held to a grammar. No model knows them: it is shown a function with one parameter, a string, and what it calls that
/// function with is the text.
/// </summary>
public static class CustomTools
{
    /// <summary>The type of such a tool, of its calls, and the field that either has it in.</summary>
    public const string Type = "custom";

    /// <summary>The function's one parameter.</summary>
    public const string Parameter = "input";

    /// <summary>The function's schema.</summary>
    public static JsonElement Schema { get; } = JsonDocument.Parse("""{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}""").RootElement;

    /// <summary>Whether a tool, or a call, is a custom one.</summary>
    public static bool Is(JsonElement tool) => tool.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals(Type);

    /// <summary>The names of the custom tools that the model is shown; null when there are none.</summary>
    public static IReadOnlySet<string>? Names(GenerationPrompt prompt) =>
        (prompt as ChatPrompt)?.ShownTools is { } tools && tools.EnumerateArray().Any(Is) ? tools.EnumerateArray().Where(Is).Select(NameOf).ToHashSet() : null;

    /// <summary>The name of a tool, which has been checked.</summary>
    public static string NameOf(JsonElement tool) => tool.GetProperty(Is(tool) ? Type : "function").GetProperty("name").GetString()!;

    /// <summary>What the text of a tool's calls has to be; null for any text, and for functions.</summary>
    /// <param name="tool">The tool, which has been checked.</param>
    /// <param name="field">Its place in the request.</param>
    public static CustomFormat? FormatOf(JsonElement tool, string field) =>
        Is(tool) && tool.GetProperty(Type).TryGetProperty("format", out var format) && format.ValueKind == JsonValueKind.Object && format.TryGetProperty("grammar", out var grammar)
            && format.GetProperty("type").ValueEquals("grammar")
            ? new CustomFormat(grammar.GetProperty("syntax").GetString()!, grammar.GetProperty("definition").GetString()!, $"{field}.{Type}.format.grammar.definition")
            : null;

    /// <summary>Checks what a custom tool holds beside its name and description.</summary>
    /// <param name="custom">The tool's own object.</param>
    /// <param name="field">Its place in the request.</param>
    /// <returns>The first failure, or null.</returns>
    public static RequestFailure? CheckFormat(JsonElement custom, string field)
    {
        field += ".format";
        if (!custom.TryGetProperty("format", out var format) || format.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (format.ValueKind != JsonValueKind.Object || Text(format, "type") is not { } type)
        {
            return Invalid(field, "A custom tool's format must be an object with a type.");
        }

        if (type is not ("text" or "grammar"))
        {
            return new RequestFailure(RequestError.NotSupported, "A format of this type is not supported; text is, and grammar.", field + ".type");
        }

        return type == "text" ? null : CheckGrammar(format, field + ".grammar");
    }

    /// <summary>The tools with functions in the places of custom ones, as the model is shown them.</summary>
    /// <param name="tools">The tools, which have been checked.</param>
    public static JsonElement AsFunctions(JsonElement tools)
    {
        if (!tools.EnumerateArray().Any(Is))
        {
            return tools;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            foreach (var tool in tools.EnumerateArray())
            {
                if (Is(tool))
                {
                    WriteFunction(json, tool);
                }
                else
                {
                    tool.WriteTo(json);
                }
            }

            json.WriteEndArray();
        }

        var reader = new Utf8JsonReader(buffer.WrittenSpan);
        return JsonElement.ParseValue(ref reader);
    }

    /// <summary>Writes an earlier call of a custom tool as one of its function.</summary>
    internal static void WriteCall(Utf8JsonWriter json, JsonElement custom, CallStyle style)
    {
        var arguments = JsonSerializer.SerializeToElement(new Dictionary<string, string> { [Parameter] = custom.GetProperty("input").GetString()! });
        json.WriteStartObject("function");
        json.WriteString("name", custom.GetProperty("name").GetString());
        json.WritePropertyName("arguments");
        if (style.ArgumentsAsText)
        {
            json.WriteStringValue(arguments.GetRawText());
        }
        else
        {
            arguments.WriteTo(json);
        }

        json.WriteEndObject();
    }

    private static RequestFailure? CheckGrammar(JsonElement format, string field)
    {
        if (!format.TryGetProperty("grammar", out var grammar) || grammar.ValueKind != JsonValueKind.Object)
        {
            return Invalid(field, "A grammar must be an object with a syntax and a definition.");
        }

        if (Text(grammar, "syntax") is not ("lark" or "regex"))
        {
            return Invalid(field + ".syntax", "A grammar's syntax is lark or regex.");
        }

        return Text(grammar, "definition") is { Length: > 0 and <= RequestLimits.ConstraintCharacters } ? null
            : Invalid(field + ".definition", $"A grammar's definition is a string of 1 to {RequestLimits.ConstraintCharacters} characters.");
    }

    private static void WriteFunction(Utf8JsonWriter json, JsonElement tool)
    {
        var custom = tool.GetProperty(Type);
        var about = new[]
        {
            Text(custom, "description"),
            FormatOf(tool, "") switch
            {
                null => $"Its {Parameter} is plain text.",
                { Syntax: "regex" } format => $"Its {Parameter} is a text that this regular expression matches as a whole:\n{format.Definition}",
                var format => $"Its {Parameter} is a text of this Lark grammar:\n{format.Definition}",
            },
        };
        json.WriteStartObject();
        json.WriteString("type", "function");
        json.WriteStartObject("function");
        json.WriteString("name", NameOf(tool));
        json.WriteString("description", string.Join("\n\n", about.Where(static part => !string.IsNullOrEmpty(part))));
        json.WritePropertyName("parameters");
        Schema.WriteTo(json);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string? Text(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, message, field);
}
