using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;

namespace Serving.Server.Front;

/// <summary>Constraints as both fronts take them, with the same bounds. What is wrong with a schema, a pattern or a grammar itself is the engine's affair.</summary>
internal static class ConstraintFields
{
    /// <summary>A JSON Schema.</summary>
    public static (OutputConstraint? Constraint, RequestFailure? Failure) Schema(JsonElement schema, string field) =>
        schema.GetRawText().Length > RequestLimits.ConstraintCharacters ? (null, TooLong(field)) : (new JsonSchemaConstraint(schema, field), null);

    /// <summary>A JSON Schema as text.</summary>
    public static (OutputConstraint? Constraint, RequestFailure? Failure) Schema(string text, string field) => Json(text, field, Schema);

    /// <summary>A structural tag.</summary>
    public static (OutputConstraint? Constraint, RequestFailure? Failure) StructuralTag(JsonElement tag, string field) =>
        tag.GetRawText().Length > RequestLimits.ConstraintCharacters ? (null, TooLong(field)) : (new StructuralTagConstraint(tag, field), null);

    /// <summary>A structural tag as text.</summary>
    public static (OutputConstraint? Constraint, RequestFailure? Failure) StructuralTag(string text, string field) => Json(text, field, StructuralTag);

    private static (OutputConstraint? Constraint, RequestFailure? Failure) Json(string text, string field, Func<JsonElement, string, (OutputConstraint?, RequestFailure?)> read)
    {
        if (text.Length > RequestLimits.ConstraintCharacters)
        {
            return (null, TooLong(field));
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            return JsonStrings.AreText(document.RootElement)
                ? read(document.RootElement.Clone(), field)
                : (null, Invalid(field, "a string holds an unpaired surrogate."));
        }
        catch (JsonException)
        {
            return (null, Invalid(field, "is not JSON."));
        }
    }

    /// <summary>A regular expression.</summary>
    public static (OutputConstraint? Constraint, RequestFailure? Failure) Pattern(string pattern, string field) =>
        pattern.Length > RequestLimits.ConstraintCharacters ? (null, TooLong(field)) : (new PatternConstraint(pattern, field), null);

    /// <summary>A grammar.</summary>
    public static (OutputConstraint? Constraint, RequestFailure? Failure) Grammar(string grammar, string field) =>
        grammar.Length > RequestLimits.ConstraintCharacters ? (null, TooLong(field)) : (new GrammarConstraint(grammar, field), null);

    /// <summary>Texts to choose from.</summary>
    public static (OutputConstraint? Constraint, RequestFailure? Failure) Choice(IReadOnlyList<string> choices, string field) =>
        choices.Sum(static choice => (long)choice.Length) > RequestLimits.ConstraintCharacters ? (null, TooLong(field)) : (new ChoiceConstraint(choices, field), null);

    /// <summary>The failure of a field that is malformed.</summary>
    public static RequestFailure Invalid(string field, string message) => new(RequestError.InvalidRequest, $"{field}: {message}", field);

    private static RequestFailure TooLong(string field) => Invalid(field, $"is longer than {RequestLimits.ConstraintCharacters} characters.");
}
