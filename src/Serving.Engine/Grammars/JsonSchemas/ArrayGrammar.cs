using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>The arrays of a conjunction.</summary>
internal sealed class ArrayGrammar(IValueGrammars values)
{
    private readonly JsonGrammar _json = values.Json;

    /// <summary>The arrays.</summary>
    public GrammarExpression Of(Conjunction conjunction)
    {
        var (least, most) = conjunction.Counts("minItems", "maxItems");
        RefuseWhatIsNotDone(conjunction, most);
        List<ItemSchemas> parts = [.. conjunction.Nodes.Select(Read)];
        if (least == 0 && most is null && parts.All(part => part.Prefix.Count == 0 && part.Rest is null))
        {
            return _json.Array;
        }

        var prefix = parts.Max(part => part.Prefix.Count);
        if (prefix > SchemaLimits.Prefix)
        {
            throw conjunction.Nodes[0].NotDone("prefixItems", $"more than {SchemaLimits.Prefix} items");
        }

        var rest = Value(parts, prefix);
        var head = Enumerable.Range(0, prefix).Select(place => Value(parts, place)).TakeWhile(value => !Express.IsNever(value)).ToList();
        most = head.Count < prefix || Express.IsNever(rest) ? Math.Min(most ?? int.MaxValue, head.Count) : most;
        return least > most ? GrammarExpression.Never : Express.Concat(Express.Text("["), Content(head, rest, least, most), Express.Text("]"));
    }

    private GrammarExpression Content(List<GrammarExpression> head, GrammarExpression rest, int least, int? most)
    {
        head = [.. head.Take(most ?? int.MaxValue)];
        if (most == 0)
        {
            return GrammarExpression.Empty;
        }

        GrammarExpression tail;
        if (head.Count == 0)
        {
            tail = Express.Concat(rest, Counted.Of(values.Builder, Express.Concat(_json.Comma, rest), Math.Max(least - 1, 0), most - 1));
        }
        else
        {
            tail = most == head.Count ? GrammarExpression.Empty : Counted.Of(values.Builder, Express.Concat(_json.Comma, rest), Math.Max(least - head.Count, 0), most - head.Count);
            for (var place = head.Count - 1; place >= 0; place--)
            {
                tail = Express.Concat(place == 0 ? head[place] : Express.Concat(_json.Comma, head[place]), tail);
                tail = place >= least && place > 0 ? Express.Optional(tail) : tail;
            }
        }

        var some = Express.Concat(_json.Gap, tail, _json.Gap);
        return least == 0 ? Express.Optional(some) : some;
    }

    private GrammarExpression Value(List<ItemSchemas> parts, int place) => values.Of([.. parts.Select(part => place < part.Prefix.Count ? part.Prefix[place] : part.Rest).OfType<SchemaNode>()]);

    private static void RefuseWhatIsNotDone(Conjunction conjunction, int? most)
    {
        foreach (var (node, value) in conjunction.All("uniqueItems"))
        {
            if (value.ValueKind == JsonValueKind.True && most is not (0 or 1))
            {
                throw node.NotDone("uniqueItems");
            }
        }

        foreach (var (node, _) in conjunction.All("contains"))
        {
            if (!node.TryGet("minContains", out var fewest) || Conjunction.CountOf(node, "minContains", fewest) > 0 || node.TryGet("maxContains", out _))
            {
                throw node.NotDone("contains");
            }
        }
    }

    private static ItemSchemas Read(SchemaNode node)
    {
        var hasItems = node.TryGet("items", out var items);
        if (node.TryGet("prefixItems", out var prefix))
        {
            return new ItemSchemas(ListOf(node, "prefixItems", prefix), hasItems ? node.Child(items, "items") : Unevaluated(node));
        }

        if (hasItems && items.ValueKind == JsonValueKind.Array)
        {
            return new ItemSchemas(ListOf(node, "items", items), node.TryGet("additionalItems", out var additional) ? node.Child(additional, "additionalItems") : Unevaluated(node));
        }

        return new ItemSchemas([], hasItems ? node.Child(items, "items") : Unevaluated(node));
    }

    private static SchemaNode? Unevaluated(SchemaNode node)
    {
        if (!node.TryGet("unevaluatedItems", out var unevaluated) || unevaluated.ValueKind == JsonValueKind.True)
        {
            return null;
        }

        return SchemaKeywords.InPlace.Append("contains").Any(keyword => node.TryGet(keyword, out _))
            ? throw node.NotDone("unevaluatedItems", "beside other schemas of the same value")
            : node.Child(unevaluated, "unevaluatedItems");
    }

    private static List<SchemaNode> ListOf(SchemaNode node, string keyword, JsonElement list) => list.ValueKind == JsonValueKind.Array
        ? [.. list.EnumerateArray().Select((item, i) => node.Child(item, keyword, i.ToString(System.Globalization.CultureInfo.InvariantCulture)))]
        : throw node.Malformed(keyword, "is no list of schemas");

    private sealed record ItemSchemas(List<SchemaNode> Prefix, SchemaNode? Rest);
}
