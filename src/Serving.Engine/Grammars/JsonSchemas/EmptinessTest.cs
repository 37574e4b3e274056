using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>Whether schemas surely have no value together. What is not sure is said not to be empty.</summary>
internal sealed class EmptinessTest(AlternativeFinder finder, SchemaBudget budget)
{
    private const int MaxDepth = 3;

    /// <summary>Whether a conjunction surely has no value.</summary>
    public bool IsEmpty(Conjunction conjunction) => IsEmpty(conjunction, 0);

    private bool IsEmpty(Conjunction conjunction, int depth)
    {
        budget.Spend();
        if (conjunction.Constants is { } constants)
        {
            var test = new ConstantTest(conjunction, budget);
            return constants.All(constant => JsonTypeReader.Of(constant) is not (JsonTypes.Array or JsonTypes.Object) && !test.Takes(constant));
        }

        var types = conjunction.Types;
        return (types & (JsonTypes.Null | JsonTypes.Boolean)) == 0
            && (!types.HasFlag(JsonTypes.String) || conjunction.Counts("minLength", "maxLength") is var (shortest, longest) && shortest > longest)
            && ((types & JsonTypes.Number) == 0 || NumberBounds.Of(conjunction).AreEmpty)
            && (!types.HasFlag(JsonTypes.Array) || conjunction.Counts("minItems", "maxItems") is var (fewest, most) && fewest > most)
            && (!types.HasFlag(JsonTypes.Object) || IsEmptyObject(conjunction, depth));
    }

    private bool IsEmptyObject(Conjunction conjunction, int depth)
    {
        if (depth == MaxDepth)
        {
            return false;
        }

        var members = ObjectMembers.Of(conjunction, budget);
        return members.Required.Any(name =>
            members.SchemasOf(name) is var schemas && (schemas.Any(schema => schema.IsFalse) || finder.Find(schemas).All(alternative => IsEmpty(alternative, depth + 1))));
    }
}
