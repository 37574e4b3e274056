using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Protocol.OpenAi;

namespace Serving.Server.Http;

/// <summary>
/// What a body says its answer has to be: OpenAI's response_format, vLLM's structured_outputs, and the guided_ fields that the latter came from. What is wrong with a schema or a pattern
/// itself is the engine's affair.
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
                return (null, Invalid(field, "a string holds an unpaired surrogate."));
            }

            var (constraint, failure) = read(given, field);
            if (failure is null && constraint is not null && found is not null)
            {
                failure = Invalid(field, $"not together with {found.Field}.");
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
    ];

    private static (OutputConstraint?, RequestFailure?) ResponseFormat(JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty("type", out var type))
        {
            return (null, Invalid(field, "is an object with a type."));
        }

        if (KnownFields.IsText(type, "text"))
        {
            return (null, null);
        }

        if (KnownFields.IsText(type, "json_object"))
        {
            return (new JsonObjectConstraint(field), null);
        }

        if (!KnownFields.IsText(type, "json_schema"))
        {
            return (null, KnownFields.IsText(type, "structural_tag") ? KnownFields.NotSupported("response_format.type", type) : Invalid(field, "type is text, json_object or json_schema."));
        }

        return value.TryGetProperty("json_schema", out var named) && named.ValueKind == JsonValueKind.Object && named.TryGetProperty("schema", out var schema)
            ? Schema(schema, "response_format.json_schema.schema")
            : (null, Invalid("response_format.json_schema", "is an object with a schema."));
    }

    private static (OutputConstraint?, RequestFailure?) StructuredOutputs(JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            return (null, Invalid(field, "is an object."));
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
                "json_object" when property.Value.ValueKind is JsonValueKind.True => (new JsonObjectConstraint(path), null),
                "json_object" or "disable_any_whitespace" or "disable_additional_properties" when property.Value.ValueKind is JsonValueKind.False => (null, null),
                "json_object" or "grammar" or "structural_tag" or "disable_any_whitespace" or "disable_additional_properties" or "whitespace_pattern" =>
                    (null, KnownFields.NotSupported(path, property.Value)),
                _ => (null, Invalid(field, $"\"{JsonBody.Echo(property.Name)}\" is not one of json, json_object, regex and choice.")),
            };
            if (failure is not null || (constraint is not null && found is not null))
            {
                return (null, failure ?? Invalid(field, "takes one of json, json_object, regex and choice."));
            }

            found ??= constraint;
        }

        return (found, null);
    }

    // vLLM takes a schema as text too.
    private static (OutputConstraint?, RequestFailure?) Schema(JsonElement value, string field)
    {
        if (value.GetRawText().Length > RequestLimits.ConstraintCharacters)
        {
            return (null, TooLong(field));
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            return (new JsonSchemaConstraint(value, field), null);
        }

        try
        {
            using var document = JsonDocument.Parse(value.GetString()!);
            return JsonStrings.AreText(document.RootElement)
                ? (new JsonSchemaConstraint(document.RootElement.Clone(), field), null)
                : (null, Invalid(field, "a string holds an unpaired surrogate."));
        }
        catch (JsonException)
        {
            return (null, Invalid(field, "is not JSON."));
        }
    }

    private static (OutputConstraint?, RequestFailure?) Pattern(JsonElement value, string field) => value switch
    {
        { ValueKind: not JsonValueKind.String } => (null, Invalid(field, "is a string.")),
        _ when value.GetRawText().Length > RequestLimits.ConstraintCharacters => (null, TooLong(field)),
        _ => (new PatternConstraint(value.GetString()!, field), null),
    };

    private static (OutputConstraint?, RequestFailure?) Choice(JsonElement value, string field) => value switch
    {
        { ValueKind: not JsonValueKind.Array } => (null, Invalid(field, "is a list of strings.")),
        _ when value.EnumerateArray().Any(static item => item.ValueKind != JsonValueKind.String) => (null, Invalid(field, "is a list of strings.")),
        _ when value.GetRawText().Length > RequestLimits.ConstraintCharacters => (null, TooLong(field)),
        _ => (new ChoiceConstraint([.. value.EnumerateArray().Select(static item => item.GetString()!)], field), null),
    };

    private static RequestFailure TooLong(string field) => Invalid(field, $"is longer than {RequestLimits.ConstraintCharacters} characters.");

    private static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, $"{field}: {message}", field);
}
