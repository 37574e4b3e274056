using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>
/// Reads JSON Schemas of drafts 4 to 2020-12 as sets of JSON texts. What is taken satisfies the schema, always; not every value that does is taken. Properties come in the schema's
/// order (<see cref="ObjectGrammar"/>), constants as the schema has them, integers without fraction and exponent, numbers with the digits of <see cref="JsonNumbers"/>. Of the keywords
/// that JSON Schema knows those that are not done are refused by name and place; keywords that it does not know, and formats that are not kept, say nothing, as the
/// specification has it. <c>oneOf</c> is exact: alternatives that may overlap are taken each without the others, or refused where the contrary of one is no schema.
/// Nothing outside of the schema is ever fetched. A schema's size, depth and what it expands to are bounded by <see cref="SchemaLimits"/>.
/// </summary>
public static class JsonSchemaGrammar
{
    /// <summary>The JSON texts of the values that satisfy a schema.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="builder">Takes the rules.</param>
    /// <param name="field">Where it stands, for the messages.</param>
    /// <param name="style">Where white space may stand.</param>
    /// <exception cref="GrammarException">It is malformed, not done, too large, or no value satisfies it.</exception>
    public static GrammarExpression Read(JsonElement schema, GrammarBuilder builder, string field, JsonStyle style = JsonStyle.Spaced)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var document = new SchemaDocument(schema, field);
        return new ValueGrammars(document, builder, style).Whole(document.Root);
    }
}
