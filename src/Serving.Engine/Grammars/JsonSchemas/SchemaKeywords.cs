namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>What a schema's keywords are. One that stands in none of these lists is nobody's, and says nothing, as the specification has it.</summary>
internal static class SchemaKeywords
{
    private static readonly HashSet<string> Annotations =
    [
        "$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$comment", "$defs", "definitions", "$vocabulary", "title", "description", "default", "examples", "example",
        "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding", "contentSchema", "discriminator", "xml", "externalDocs",
    ];

    /// <summary>Keywords whose value is a schema.</summary>
    public static IReadOnlyList<string> WithSchema { get; } =
        ["items", "additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties", "propertyNames", "contains", "not", "if", "then", "else"];

    /// <summary>Keywords whose value is a list of schemas.</summary>
    public static IReadOnlyList<string> WithList { get; } = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];

    /// <summary>Keywords whose value names schemas.</summary>
    public static IReadOnlyList<string> WithMap { get; } = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

    /// <summary>Keywords that are known and never done.</summary>
    public static IReadOnlyList<string> NotDone { get; } = ["$dynamicRef", "$recursiveRef"];

    /// <summary>Keywords that apply other schemas to the same value.</summary>
    public static IReadOnlyList<string> InPlace { get; } = ["$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"];

    private static readonly HashSet<string> Others =
    [
        "type", "nullable", "enum", "const", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "format", "minItems", "maxItems",
        "uniqueItems", "minContains", "maxContains", "required", "minProperties", "maxProperties", "dependentRequired",
    ];

    private static readonly HashSet<string> Assertions = [.. WithSchema, .. WithList, .. WithMap, .. NotDone, .. InPlace, .. Others];

    /// <summary>Whether a keyword says nothing of values.</summary>
    public static bool IsAnnotation(string keyword) => Annotations.Contains(keyword) || !Assertions.Contains(keyword);
}
