using System.Text.Json;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;
using Serving.Server.Front;

namespace Serving.Server.Http;

/// <summary>
/// What a body says its answer has to be: OpenAI's response_format, vLLM's structured_outputs, the guided_ fields that the latter came from, and the fields of llama.cpp and SGLang. What is wrong with a schema, a pattern
/// or a grammar itself is the engine's affair.
/// </summary>
internal static class ConstraintMapper
{
    /// <summary>The constraint of a body, null where any text will do.</summary>
    public static (OutputConstraint? Constraint, RequestFailure? Failure) Map(GenerationFields fields)
    {
        OutputConstraint? found = null;
        foreach (var (field, value, read) in Sources(fields))
        {
            if (value is not { ValueKind: not JsonValueKind.Null } given)
            {
                continue;
            }

            if (!JsonStrings.AreText(given))
            {
                return (null, ConstraintFields.Invalid(field, "a string holds an unpaired surrogate."));
            }

            var (constraint, failure) = read(given, field);
            if (failure is null && constraint is not null && found is not null)
            {
                failure = ConstraintFields.Invalid(field, $"not together with {found.Field}.");
            }

            if (failure is not null)
            {
                return (null, failure);
            }

            found ??= constraint;
        }

        return (found, null);
    }

    private static IEnumerable<(string Field, JsonElement? Value, Func<JsonElement, string, (OutputConstraint?, RequestFailure?)> Read)> Sources(GenerationFields fields) =>
    [
        ("response_format", fields.ResponseFormat, ResponseFormat),
        ("structured_outputs", fields.StructuredOutputs, StructuredOutputs),
        ("guided_json", fields.GuidedJson, Schema),
        ("guided_regex", fields.GuidedRegex, Pattern),
        ("guided_choice", fields.GuidedChoice, Choice),
        ("guided_grammar", fields.GuidedGrammar, Grammar),
        ("grammar", fields.Grammar, Grammar),
        ("ebnf", fields.Ebnf, Grammar),
        ("regex", fields.Regex, Pattern),
        ("json_schema", fields.JsonSchema, Schema),
    ];

    private static (OutputConstraint?, RequestFailure?) ResponseFormat(JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty("type", out var type))
        {
            return (null, ConstraintFields.Invalid(field, "is an object with a type."));
        }

        if (KnownFields.IsText(type, "text"))
        {
            return (null, null);
        }

        if (KnownFields.IsText(type, "json_object"))
        {
            return value.TryGetProperty("schema", out var itself) && itself.ValueKind != JsonValueKind.Null ? Schema(itself, "response_format.schema") : (new JsonObjectConstraint(field), null);
        }

        if (KnownFields.IsText(type, "grammar"))
        {
            return value.TryGetProperty("grammar", out var grammar) ? Grammar(grammar, "response_format.grammar") : (null, ConstraintFields.Invalid("response_format.grammar", "is missing."));
        }

        if (KnownFields.IsText(type, "structural_tag"))
        {
            return StructuralTag(value, field);
        }

        if (!KnownFields.IsText(type, "json_schema"))
        {
            return (null, ConstraintFields.Invalid(field, "type is text, json_object, json_schema, grammar or structural_tag."));
        }

        return value.TryGetProperty("json_schema", out var named) && named.ValueKind == JsonValueKind.Object && named.TryGetProperty("schema", out var schema)
            ? Schema(schema, "response_format.json_schema.schema")
            : (null, ConstraintFields.Invalid("response_format.json_schema", "is an object with a schema."));
    }

    private static (OutputConstraint?, RequestFailure?) StructuredOutputs(JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            return (null, ConstraintFields.Invalid(field, "is an object."));
        }

        OutputConstraint? found = null;
        foreach (var property in value.EnumerateObject().Where(static property => property.Value.ValueKind != JsonValueKind.Null))
        {
            var path = $"{field}.{property.Name}";
            var (constraint, failure) = property.Name switch
            {
                "json" => Schema(property.Value, path),
                "regex" => Pattern(property.Value, path),
                "choice" => Choice(property.Value, path),
                "grammar" => Grammar(property.Value, path),
                "structural_tag" => StructuralTag(property.Value, path),
                "json_object" when property.Value.ValueKind is JsonValueKind.True => (new JsonObjectConstraint(path), null),
                "json_object" or "disable_any_whitespace" or "disable_additional_properties" when property.Value.ValueKind is JsonValueKind.False => (null, null),
                "json_object" or "disable_any_whitespace" or "disable_additional_properties" or "whitespace_pattern" =>
                    (null, KnownFields.NotSupported(path, property.Value)),
                _ => (null, ConstraintFields.Invalid(field, $"\"{JsonBody.Echo(property.Name)}\" is not one of json, json_object, regex, choice, grammar and structural_tag.")),
            };
            if (failure is not null || (constraint is not null && found is not null))
            {
                return (null, failure ?? ConstraintFields.Invalid(field, "takes one of json, json_object, regex, choice, grammar and structural_tag."));
            }

            found ??= constraint;
        }

        return (found, null);
    }

    // vLLM takes a schema as text too.
    private static (OutputConstraint?, RequestFailure?) Schema(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.String ? ConstraintFields.Schema(value.GetString()!, field) : ConstraintFields.Schema(value, field);

    private static (OutputConstraint?, RequestFailure?) Pattern(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.String ? ConstraintFields.Pattern(value.GetString()!, field) : (null, ConstraintFields.Invalid(field, "is a string."));

    private static (OutputConstraint?, RequestFailure?) StructuralTag(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.String ? ConstraintFields.StructuralTag(value.GetString()!, field) : ConstraintFields.StructuralTag(value, field);

    private static (OutputConstraint?, RequestFailure?) Grammar(JsonElement value, string field) =>
        value.ValueKind == JsonValueKind.String ? ConstraintFields.Grammar(value.GetString()!, field) : (null, ConstraintFields.Invalid(field, "is a string."));

    private static (OutputConstraint?, RequestFailure?) Choice(JsonElement value, string field) =>
        value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(static item => item.ValueKind != JsonValueKind.String)
            ? (null, ConstraintFields.Invalid(field, "is a list of strings."))
            : ConstraintFields.Choice([.. value.EnumerateArray().Select(static item => item.GetString()!)], field);
}
