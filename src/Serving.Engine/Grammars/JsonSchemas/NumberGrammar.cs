using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>The numbers of a conjunction, as they are written.</summary>
internal static class NumberGrammar
{
    /// <summary>The numbers.</summary>
    public static GrammarExpression Of(Conjunction conjunction, JsonGrammar json)
    {
        var isInteger = (conjunction.Types & JsonTypes.Number) == JsonTypes.Integer;
        var parts = new List<GrammarExpression>();
        foreach (var (node, value) in conjunction.All("multipleOf"))
        {
            parts.Add(JsonMultiples.Of(Divisor(node, value), isInteger) ?? throw node.NotDone("multipleOf", "of a number that the last digits of its multiples do not tell"));
        }

        if (NumberBounds.Of(conjunction).Written(isInteger) is { } bounded)
        {
            parts.Add(bounded);
        }

        var excluded = conjunction.Nodes.SelectMany(node => node.Excluded.Where(constant => constant.ValueKind == JsonValueKind.Number).Select(constant => (node, constant))).ToList();
        if (excluded.Count == 0)
        {
            return parts.Count == 0 ? (isInteger ? json.Integer : json.Number) : Both(parts);
        }

        if (!isInteger)
        {
            throw excluded[0].node.NotDone("not", "of a number that is not of the type integer");
        }

        return new ExceptExpression(parts.Count == 0 ? JsonNumbers.AnyInteger : Both(parts), Express.Choice([.. excluded.SelectMany(item => Texts(item.constant))]));
    }

    /// <summary>What <c>multipleOf</c> gives.</summary>
    public static JsonDecimal Divisor(SchemaNode node, JsonElement value)
    {
        var divisor = NumberBounds.Number(node, "multipleOf", value);
        return divisor.IsNegative || divisor.IsZero ? throw node.Malformed("multipleOf", "is not above 0") : divisor;
    }

    private static GrammarExpression Both(List<GrammarExpression> parts) => parts.Any(Express.IsNever) ? GrammarExpression.Never : parts.Aggregate((first, second) => new BothExpression(first, second));

    private static IEnumerable<GrammarExpression> Texts(JsonElement constant) => JsonDecimal.Parse(constant.GetRawText()) is { IsInteger: true } value
        ? value.IsZero ? [Express.Text("0"), Express.Text("-0")] : [Express.Text((value.IsNegative ? "-" : string.Empty) + value.Whole)]
        : [];
}
