using System.Globalization;
using System.Text.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>What does not satisfy a schema, as schemas of which one at least holds; for the keywords whose contrary is a schema too.</summary>
internal sealed class SchemaNegation(SchemaDocument document, SchemaBudget budget)
{
    private const int MaxDepth = 32;

    /// <summary>A schema that says only that another one does not hold.</summary>
    public static SchemaNode Node(SchemaNode negated) => negated.Made($$"""{"not":{{negated.Element.GetRawText()}} }""", "not");

    /// <summary>The alternatives; none when the schema takes every value.</summary>
    public List<SchemaNode> Of(SchemaNode node) => Of(node, 0);

    private List<SchemaNode> Of(SchemaNode node, int depth)
    {
        budget.Spend();
        if (depth > MaxDepth)
        {
            throw node.NotDone("not", "it is nested too deeply");
        }

        if (node.Element.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return node.Element.ValueKind == JsonValueKind.True ? [] : [node.Made("true", "not")];
        }

        if (node.Element.ValueKind != JsonValueKind.Object)
        {
            throw node.Malformed(string.Empty, "is neither an object nor a boolean");
        }

        if (node.TryGet("$ref", out var reference))
        {
            var ofTarget = Of(document.Resolve(node, reference), depth + 1);
            return document.HidesSiblings ? ofTarget : [.. ofTarget, .. Keywords(node)];
        }

        return Keywords(node);
    }

    private static List<SchemaNode> Keywords(SchemaNode node)
    {
        var options = new List<SchemaNode>();
        foreach (var member in node.Element.EnumerateObject().Where(member => member.Name != "$ref" && !SchemaKeywords.IsAnnotation(member.Name)))
        {
            options.AddRange(Keyword(node, member.Name, member.Value));
        }

        return options;
    }

    private static IEnumerable<SchemaNode> Keyword(SchemaNode node, string keyword, JsonElement value)
    {
        switch (keyword)
        {
            case "type" or "nullable":
                return keyword == "type" ? OtherTypes(node) : [];
            case "const":
                return [node.Made("{}", "not const") with { Excluded = [value] }];
            case "enum" when value.ValueKind == JsonValueKind.Array:
                return [node.Made("{}", "not enum") with { Excluded = [.. value.EnumerateArray()] }];
            case "pattern" when value.ValueKind == JsonValueKind.String:
                return [node.Made("""{"type":"string"}""", "not pattern") with { ExcludedPattern = value.GetString() }];
            case "required" when value.ValueKind == JsonValueKind.Array:
                return value.EnumerateArray().Select(name => Object(node, $$"""{"type":"object","properties":{ {{NameOf(node, name)}}:false} }""", $"{keyword} {NameOf(node, name)}"));
            case "properties" when value.ValueKind == JsonValueKind.Object:
                return value.EnumerateObject().Select(property => Property(node, property));
            case "not":
                return [node.Child(value, "not")];
            case "allOf" when value.ValueKind == JsonValueKind.Array:
                return value.EnumerateArray().Select((part, i) => Node(node.Child(part, "allOf", i.ToString(CultureInfo.InvariantCulture))));
            case "anyOf" when value.ValueKind == JsonValueKind.Array:
                return [node.Made($$"""{"allOf":[{{string.Join(',', value.EnumerateArray().Select(part => $$"""{"not":{{part.GetRawText()}} }"""))}}]}""", "not anyOf")];
            default:
                return [Limit(node, keyword, value)];
        }
    }

    private static IEnumerable<SchemaNode> OtherTypes(SchemaNode node)
    {
        var others = JsonTypes.All & ~JsonTypeReader.Of(node);
        if (others == JsonTypes.None)
        {
            return [];
        }

        return JsonTypeReader.Text(others) is { } names
            ? [node.Made($$"""{"type":{{names}}}""", "not type")]
            : throw node.NotDone("not", "numbers that are not integers have no type");
    }

    private static string NameOf(SchemaNode node, JsonElement name) => name.ValueKind == JsonValueKind.String ? name.GetRawText() : throw node.Malformed("required", "has a name that is no string");

    private static SchemaNode Property(SchemaNode node, JsonProperty property)
    {
        var name = JsonSerializer.Serialize(property.Name);
        return Object(node, $$"""{"type":"object","required":[{{name}}],"properties":{ {{name}}:{"not":{{property.Value.GetRawText()}} } } }""", $"properties {name}");
    }

    private static SchemaNode Object(SchemaNode node, string json, string keyword) => node.Made(json, $"not {keyword}");

    private static SchemaNode Limit(SchemaNode node, string keyword, JsonElement value)
    {
        var json = keyword switch
        {
            "minimum" when !node.TryGet("exclusiveMinimum", out _) => $$"""{"type":"number","exclusiveMaximum":{{value.GetRawText()}}}""",
            "maximum" when !node.TryGet("exclusiveMaximum", out _) => $$"""{"type":"number","exclusiveMinimum":{{value.GetRawText()}}}""",
            "exclusiveMinimum" when value.ValueKind == JsonValueKind.Number => $$"""{"type":"number","maximum":{{value.GetRawText()}}}""",
            "exclusiveMaximum" when value.ValueKind == JsonValueKind.Number => $$"""{"type":"number","minimum":{{value.GetRawText()}}}""",
            "minLength" => Count("string", "maxLength", Conjunction.CountOf(node, keyword, value) - 1),
            "maxLength" => Count("string", "minLength", Conjunction.CountOf(node, keyword, value) + 1L),
            "minItems" => Count("array", "maxItems", Conjunction.CountOf(node, keyword, value) - 1),
            "maxItems" => Count("array", "minItems", Conjunction.CountOf(node, keyword, value) + 1L),
            "minProperties" => Count("object", "maxProperties", Conjunction.CountOf(node, keyword, value) - 1),
            "maxProperties" => Count("object", "minProperties", Conjunction.CountOf(node, keyword, value) + 1L),
            _ => throw node.NotDone("not", $"of {keyword}"),
        };
        return node.Made(json, $"not {keyword}");
    }

    private static string Count(string type, string keyword, long count) => count < 0 ? "false" : $$"""{"type":"{{type}}","{{keyword}}":{{count}}}""";
}
