using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>One of the properties that a schema of parameters describes.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsRequired">Whether it has to be there.</param>
/// <param name="Value">Its values: JSON texts, or what strings mean where those were asked for.</param>
public sealed record ParameterSchema(string Name, bool IsRequired, GrammarExpression Value);

/// <summary>Reads the schema of an object whose properties are written one by one, each in a way of its own: what each may be.</summary>
public static class ParameterSchemas
{
    private static readonly string[] Read = ["type", "properties", "required", "additionalProperties", "$defs", "definitions", "$schema", "$id"];

    /// <summary>The properties that a schema describes, in its order.</summary>
    /// <param name="schema">The schema, an object. Keywords that speak of the object as a whole are not done: of what is left out and of which properties go together.</param>
    /// <param name="isText">Whether a property is wanted as what its strings mean, and not as JSON.</param>
    /// <param name="builder">Takes the rules.</param>
    /// <param name="field">Where it stands, for the messages.</param>
    /// <exception cref="GrammarException">It is malformed, not done, too large, or no value satisfies it.</exception>
    public static IReadOnlyList<ParameterSchema> Of(JsonElement schema, Func<JsonElement, bool> isText, GrammarBuilder builder, string field)
    {
        ArgumentNullException.ThrowIfNull(isText);
        ArgumentNullException.ThrowIfNull(builder);
        var document = new SchemaDocument(schema, field);
        var root = document.Root;
        if (schema.EnumerateObject().Select(static member => member.Name).FirstOrDefault(static name => !Read.Contains(name) && !SchemaKeywords.IsAnnotation(name)) is { } other)
        {
            throw root.NotDone(other, "this model writes parameters one by one");
        }

        var properties = root.TryGet("properties", out var described) ? described : default;
        if (properties.ValueKind is not (JsonValueKind.Object or JsonValueKind.Undefined))
        {
            throw root.Malformed("properties", "is no object");
        }

        var members = properties.ValueKind == JsonValueKind.Object ? properties.EnumerateObject().ToList() : [];
        if (members.DistinctBy(static member => member.Name).Count() < members.Count)
        {
            throw root.Malformed("properties", "names a property twice");
        }

        var required = Required(root);
        if (required.FirstOrDefault(name => members.All(member => member.Name != name)) is { } missing)
        {
            throw root.NotDone("required", $"it names {missing}, which is not described");
        }

        var values = new ValueGrammars(document, builder, JsonStyle.Spaced).Several([.. members.Select(member => (root.Child(member.Value, "properties", member.Name), isText(member.Value)))]);
        return [.. members.Zip(values, (member, value) => new ParameterSchema(member.Name, required.Contains(member.Name), value))];
    }

    private static HashSet<string> Required(SchemaNode root)
    {
        if (!root.TryGet("required", out var names))
        {
            return [];
        }

        return names.ValueKind == JsonValueKind.Array && names.EnumerateArray().All(static name => name.ValueKind == JsonValueKind.String)
            ? [.. names.EnumerateArray().Select(static name => name.GetString()!)]
            : throw root.Malformed("required", "is no list of names");
    }
}
