using System.Text.Json;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>Schemas that all hold for one value, without alternatives among them: of each only the keywords are read that speak of the value itself.</summary>
internal sealed class Conjunction
{
    private Conjunction(IReadOnlyList<SchemaNode> nodes, JsonTypes types, IReadOnlyList<JsonElement>? constants)
    {
        Nodes = nodes;
        Types = types;
        Constants = constants;
    }

    /// <summary>The schemas.</summary>
    public IReadOnlyList<SchemaNode> Nodes { get; }

    /// <summary>The types that all of them allow.</summary>
    public JsonTypes Types { get; }

    /// <summary>The values that every <c>enum</c> and <c>const</c> has; null if there are neither.</summary>
    public IReadOnlyList<JsonElement>? Constants { get; }

    /// <summary>Whether every value satisfies them.</summary>
    public bool IsTrue => Nodes.All(node => node.IsTrue);

    /// <summary>Puts schemas together.</summary>
    public static Conjunction Of(IReadOnlyList<SchemaNode> nodes)
    {
        var types = JsonTypes.All;
        IReadOnlyList<JsonElement>? constants = null;
        foreach (var node in nodes)
        {
            types &= JsonTypeReader.Of(node);
            constants = Both(constants, ConstantsOf(node));
        }

        return new Conjunction(nodes, types, constants is null ? null : [.. constants.Where(constant => types.HasFlag(JsonTypeReader.Of(constant)))]);
    }

    /// <summary>A keyword of all schemas that have it.</summary>
    public IEnumerable<(SchemaNode Node, JsonElement Value)> All(string keyword)
    {
        foreach (var node in Nodes)
        {
            if (node.TryGet(keyword, out var value))
            {
                yield return (node, value);
            }
        }
    }

    /// <summary>Whether any schema has one of some keywords.</summary>
    public bool Has(params ReadOnlySpan<string> keywords)
    {
        foreach (var keyword in keywords)
        {
            if (All(keyword).Any())
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The largest of the lower limits of a count, and the smallest of the upper ones.</summary>
    /// <param name="least">The keyword of a lower limit.</param>
    /// <param name="most">The keyword of an upper limit.</param>
    public (int Least, int? Most) Counts(string least, string most)
    {
        var low = All(least).Select(item => CountOf(item.Node, least, item.Value)).DefaultIfEmpty(0).Max();
        var high = All(most).Select(item => CountOf(item.Node, most, item.Value)).DefaultIfEmpty(int.MaxValue).Min();
        return (low, high == int.MaxValue ? null : high);
    }

    /// <summary>A count that a keyword gives: a whole number, also written as 2.0.</summary>
    public static int CountOf(SchemaNode node, string keyword, JsonElement value)
    {
        var number = value.ValueKind == JsonValueKind.Number ? JsonDecimal.Parse(value.GetRawText()) : null;
        if (number is null || number.IsNegative || !number.IsInteger)
        {
            throw node.Malformed(keyword, "is no whole number from 0 up");
        }

        return number.Whole.Length > 9 ? int.MaxValue : int.Parse(number.Whole, System.Globalization.CultureInfo.InvariantCulture);
    }

    private static IReadOnlyList<JsonElement>? ConstantsOf(SchemaNode node)
    {
        IReadOnlyList<JsonElement>? constants = node.TryGet("const", out var constant) ? [constant] : null;
        if (!node.TryGet("enum", out var list))
        {
            return constants;
        }

        return list.ValueKind == JsonValueKind.Array ? Both(constants, [.. list.EnumerateArray()]) : throw node.Malformed("enum", "is no array");
    }

    private static IReadOnlyList<JsonElement>? Both(IReadOnlyList<JsonElement>? first, IReadOnlyList<JsonElement>? second) =>
        first is null ? second : second is null ? first : [.. first.Where(one => second.Any(other => JsonElement.DeepEquals(one, other)))];
}
