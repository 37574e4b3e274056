using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>The tightest bounds that schemas set to a number.</summary>
/// <param name="Least">The lower one.</param>
/// <param name="Most">The upper one.</param>
internal sealed record NumberBounds(NumberBounds.NumberBound? Least, NumberBounds.NumberBound? Most)
{
    /// <summary>Whether no number is between them.</summary>
    public bool AreEmpty => Least is { } least && Most is { } most
        && least.Value.CompareTo(most.Value) is var order && (order > 0 || (order == 0 && (least.IsExclusive || most.IsExclusive)));

    /// <summary>Reads them.</summary>
    public static NumberBounds Of(Conjunction conjunction) => new(
        Tightest(conjunction, "minimum", "exclusiveMinimum", above: true),
        Tightest(conjunction, "maximum", "exclusiveMaximum", above: false));

    /// <summary>Whether a number is between them.</summary>
    public bool Take(JsonDecimal value) => (Least is null || value.CompareTo(Least.Value) > (Least.IsExclusive ? 0 : -1)) && (Most is null || value.CompareTo(Most.Value) < (Most.IsExclusive ? 0 : 1));

    /// <summary>The numbers between them as texts; null if there are no bounds.</summary>
    public GrammarExpression? Written(bool isInteger)
    {
        var least = Least is null ? null : JsonNumbers.AtLeast(Least.Value, Least.IsExclusive, isInteger);
        var most = Most is null ? null : JsonNumbers.AtMost(Most.Value, Most.IsExclusive, isInteger);
        return AreEmpty ? GrammarExpression.Never : least is null ? most : most is null ? least : new BothExpression(least, most);
    }

    private static NumberBound? Tightest(Conjunction conjunction, string keyword, string exclusive, bool above)
    {
        NumberBound? tightest = null;
        foreach (var node in conjunction.Nodes)
        {
            var hasExclusive = node.TryGet(exclusive, out var other);
            if (node.TryGet(keyword, out var value))
            {
                // In draft 4 the other keyword is a flag.
                tightest = Tighter(tightest, new NumberBound(Number(node, keyword, value), hasExclusive && other.ValueKind == JsonValueKind.True), above);
            }

            if (hasExclusive && other.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            {
                tightest = Tighter(tightest, new NumberBound(Number(node, exclusive, other), true), above);
            }
        }

        return tightest;
    }

    private static NumberBound Tighter(NumberBound? one, NumberBound other, bool above)
    {
        if (one is null)
        {
            return other;
        }

        var order = one.Value.CompareTo(other.Value) * (above ? 1 : -1);
        return order > 0 || (order == 0 && one.IsExclusive) ? one : other;
    }

    /// <summary>A number that a keyword gives.</summary>
    public static JsonDecimal Number(SchemaNode node, string keyword, JsonElement value) => value.ValueKind != JsonValueKind.Number
        ? throw node.Malformed(keyword, "is no number")
        : JsonDecimal.Parse(value.GetRawText()) ?? throw node.NotDone(keyword, $"an exponent beyond {JsonDecimal.MaxShift}");

    /// <summary>A bound.</summary>
    /// <param name="Value">The bound.</param>
    /// <param name="IsExclusive">Whether it is itself left out.</param>
    internal sealed record NumberBound(JsonDecimal Value, bool IsExclusive);
}
