using System.Text.Json;

namespace Serving.Engine.ToolCalls;

/// <summary>
/// How the parameters of the functions that a chat offers are read, by their schemas: one that may be a string and nothing else is the text that stands there, whatever it looks like ("5" is not five).
/// All others, and those that the schema does not name, are JSON where they are some. Immutable.
/// </summary>
public sealed class ParameterKinds
{
    /// <summary>References that are followed one after the other at most: they may lead in a circle.</summary>
    private const int MaxReferences = 8;

    private readonly Dictionary<(string Function, string Parameter), ParameterKind> _kinds = [];

    /// <summary>Reads the tools of a request, which have been checked.</summary>
    /// <param name="tools">A JSON array; null is none.</param>
    public ParameterKinds(JsonElement? tools = null)
    {
        if (tools is not { } list)
        {
            return;
        }

        foreach (var function in list.EnumerateArray().Select(static tool => tool.GetProperty("function")))
        {
            if (function.TryGetProperty("parameters", out var schema) && schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("properties", out var properties)
                && properties.ValueKind == JsonValueKind.Object)
            {
                foreach (var property in properties.EnumerateObject())
                {
                    _kinds[(function.GetProperty("name").GetString()!, property.Name)] = Of(property.Value, schema);
                }
            }
        }
    }

    /// <summary>How a function's parameter is read.</summary>
    public ParameterKind Of(string function, string parameter) => _kinds.GetValueOrDefault((function, parameter));

    /// <summary>How a parameter is read.</summary>
    /// <param name="schema">Its schema.</param>
    /// <param name="root">The function's, in which references lead somewhere.</param>
    public static ParameterKind Of(JsonElement schema, JsonElement root)
    {
        var types = Types(schema, root, MaxReferences);
        return types is null || !types.Contains("string") ? ParameterKind.Json
            : types.Count == 1 ? ParameterKind.Text
            : types.Count == 2 && types.Contains("null") ? ParameterKind.TextOrNull
            : ParameterKind.Json;
    }

    // The types that a schema allows as far as it says so plainly; null where it does not.
    private static HashSet<string>? Types(JsonElement schema, JsonElement root, int references)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        if (schema.TryGetProperty("$ref", out var reference))
        {
            return references > 0 && Find(reference, root) is { } target ? Types(target, root, references - 1) : null;
        }

        if (schema.TryGetProperty("type", out var type))
        {
            return type.ValueKind switch
            {
                JsonValueKind.String => [type.GetString()!],
                JsonValueKind.Array => [.. type.EnumerateArray().Select(static one => one.ValueKind == JsonValueKind.String ? one.GetString()! : "")],
                _ => null,
            };
        }

        if (schema.TryGetProperty("const", out var constant))
        {
            return [TypeOf(constant)];
        }

        if (schema.TryGetProperty("enum", out var constants))
        {
            return constants.ValueKind == JsonValueKind.Array ? [.. constants.EnumerateArray().Select(TypeOf)] : null;
        }

        return schema.TryGetProperty("anyOf", out var options) || schema.TryGetProperty("oneOf", out options) ? Union(options, root, references) : null;
    }

    private static HashSet<string>? Union(JsonElement options, JsonElement root, int references)
    {
        var all = new HashSet<string>();
        foreach (var option in options.ValueKind == JsonValueKind.Array ? options.EnumerateArray() : default)
        {
            if (Types(option, root, references) is not { } types)
            {
                return null;
            }

            all.UnionWith(types);
        }

        return all;
    }

    private static JsonElement? Find(JsonElement reference, JsonElement root)
    {
        if (reference.ValueKind != JsonValueKind.String || reference.GetString()!.Split('/') is not ["#", "$defs" or "definitions", _] path)
        {
            return null;
        }

        return root.TryGetProperty(path[1], out var definitions) && definitions.ValueKind == JsonValueKind.Object && definitions.TryGetProperty(path[2], out var found) ? found : null;
    }

    private static string TypeOf(JsonElement constant) => constant.ValueKind switch
    {
        JsonValueKind.String => "string",
        JsonValueKind.Null => "null",
        _ => "other",
    };
}
