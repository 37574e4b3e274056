using System.Text.Json;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>The types of JSON Schema, numbers apart by whether they are whole.</summary>
[Flags]
internal enum JsonTypes
{
    None = 0,
    Null = 1,
    Boolean = 2,
    Integer = 4,
    Fraction = 8,
    Number = Integer | Fraction,
    String = 16,
    Array = 32,
    Object = 64,
    All = 127,
}

/// <summary>Reads types.</summary>
internal static class JsonTypeReader
{
    /// <summary>The types that a schema's <c>type</c> allows; all if it has none.</summary>
    public static JsonTypes Of(SchemaNode node)
    {
        if (!node.TryGet("type", out var type))
        {
            return JsonTypes.All;
        }

        var types = JsonTypes.None;
        foreach (var name in type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray()] : new[] { type })
        {
            types |= Named(node, name);
        }

        return node.TryGet("nullable", out var nullable) && nullable.ValueKind == JsonValueKind.True ? types | JsonTypes.Null : types;
    }

    /// <summary>The type of a value.</summary>
    public static JsonTypes Of(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => JsonTypes.Null,
        JsonValueKind.True or JsonValueKind.False => JsonTypes.Boolean,
        JsonValueKind.Number => JsonDecimal.Parse(value.GetRawText()) is { IsInteger: true } ? JsonTypes.Integer : JsonTypes.Fraction,
        JsonValueKind.String => JsonTypes.String,
        JsonValueKind.Array => JsonTypes.Array,
        _ => JsonTypes.Object,
    };

    /// <summary>Types as the value of <c>type</c>; null where JSON Schema has no name for them.</summary>
    public static string? Text(JsonTypes types)
    {
        if ((types & JsonTypes.Number) == JsonTypes.Fraction)
        {
            return null;
        }

        (JsonTypes Type, string Name)[] names =
        [
            (JsonTypes.Null, "null"), (JsonTypes.Boolean, "boolean"), (JsonTypes.String, "string"), (JsonTypes.Array, "array"), (JsonTypes.Object, "object"),
            (types & JsonTypes.Number, types.HasFlag(JsonTypes.Number) ? "number" : "integer"),
        ];
        return $"[{string.Join(',', names.Where(name => name.Type != 0 && types.HasFlag(name.Type)).Select(name => $"\"{name.Name}\""))}]";
    }

    private static JsonTypes Named(SchemaNode node, JsonElement name) => (name.ValueKind == JsonValueKind.String ? name.GetString() : null) switch
    {
        "null" => JsonTypes.Null,
        "boolean" => JsonTypes.Boolean,
        "integer" => JsonTypes.Integer,
        "number" => JsonTypes.Number,
        "string" => JsonTypes.String,
        "array" => JsonTypes.Array,
        "object" => JsonTypes.Object,
        _ => throw node.Malformed("type", "names no type of JSON Schema"),
    };
}
