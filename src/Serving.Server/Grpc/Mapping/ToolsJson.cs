using System.Globalization;
using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.V1;

namespace Serving.Server.Grpc.Mapping;

/// <summary>Writes tools as OpenAI's clients do.</summary>
internal static class ToolsJson
{
    /// <summary>Writes them as an array.</summary>
    public static (JsonElement? Json, RequestFailure? Failure) Write(IReadOnlyList<Tool> tools)
    {
        if (tools.Count > RequestLimits.Tools)
        {
            return (null, Invalid("tools", $"At most {RequestLimits.Tools} tools are accepted."));
        }

        var parameters = new JsonElement?[tools.Count];
        for (var i = 0; i < tools.Count; i++)
        {
            if (tools[i] is { Custom: not null, HasParametersJson: true })
            {
                var place = string.Create(CultureInfo.InvariantCulture, $"tools[{i}].parameters_json");
                return (null, Invalid(place, $"{place}: not together with custom."));
            }

            parameters[i] = tools[i].HasParametersJson ? JsonOfMessages.Parse(tools[i].ParametersJson) : null;
            if (tools[i].HasParametersJson && parameters[i] is not { ValueKind: JsonValueKind.Object })
            {
                var field = string.Create(CultureInfo.InvariantCulture, $"tools[{i}].parameters_json");
                return (null, Invalid(field, $"{field}: expected a JSON object, at most {JsonOfMessages.MaxDepth} levels deep and no field twice."));
            }
        }

        return (JsonOfMessages.Write(json =>
        {
            json.WriteStartArray();
            for (var i = 0; i < tools.Count; i++)
            {
                Write(json, tools[i], parameters[i]);
            }

            json.WriteEndArray();
        }), null);
    }

    private static void Write(Utf8JsonWriter json, Tool tool, JsonElement? parameters)
    {
        var type = tool.Custom is null ? "function" : CustomTools.Type;
        json.WriteStartObject();
        json.WriteString("type", type);
        json.WriteStartObject(type);
        json.WriteString("name", tool.Name);
        if (tool.HasDescription)
        {
            json.WriteString("description", tool.Description);
        }

        if (parameters is { } schema)
        {
            // As it was sent: templates show the order of the fields, and an escape that is no text is the engine's to find.
            json.WritePropertyName("parameters");
            json.WriteRawValue(schema.GetRawText(), skipInputValidation: true);
        }

        if (tool.Custom is { GrammarCase: not CustomTool.GrammarOneofCase.None } custom)
        {
            Write(json, custom);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, CustomTool custom)
    {
        json.WriteStartObject("format");
        json.WriteString("type", "grammar");
        json.WriteStartObject("grammar");
        json.WriteString("syntax", custom.HasLark ? "lark" : "regex");
        json.WriteString("definition", custom.HasLark ? custom.Lark : custom.Regex);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, message, field);
}
