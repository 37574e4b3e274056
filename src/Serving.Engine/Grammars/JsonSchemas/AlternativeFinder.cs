using System.Text.Json;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>
/// Takes apart what schemas say of one value into alternatives, of which each is a <see cref="Conjunction"/>: references are followed, <c>allOf</c> is put together,
/// <c>anyOf</c> and its like are multiplied out. That a schema applies itself to the same value again has no meaning and is refused.
/// </summary>
internal sealed class AlternativeFinder(SchemaDocument document, SchemaBudget budget)
{
    /// <summary>The alternatives that schemas leave when all of them hold.</summary>
    public IReadOnlyList<Conjunction> Find(IReadOnlyList<SchemaNode> schemas)
    {
        var state = new ExpansionState();
        foreach (var schema in schemas)
        {
            state.Open.Push((document.Placed(schema), new ReferenceChain(schema.Pointer, null)));
        }

        var found = new List<Conjunction>();
        Expand(state, found, 0);
        return found;
    }

    /// <summary>Whether this is about what is surely empty, and not about what values there are.</summary>
    public bool IsTesting { get; private set; }

    /// <summary>Whether two schemas, with what stands beside them, surely have no value in common.</summary>
    public bool AreDisjoint(SchemaNode beside, SchemaNode first, SchemaNode second, ReferenceChain chain)
    {
        IsTesting = true;
        try
        {
            return AreDisjointBeside(beside, first, second, chain);
        }
        catch (GrammarException exception) when (exception.IsNotSupported)
        {
            return false;
        }
        finally
        {
            IsTesting = false;
        }
    }

    private bool AreDisjointBeside(SchemaNode beside, SchemaNode first, SchemaNode second, ReferenceChain chain)
    {
        var state = new ExpansionState();
        state.Plain.Add(beside);
        state.Open.Push((first, chain));
        state.Open.Push((second, chain));
        var found = new List<Conjunction>();
        Expand(state, found, 0);
        return found.All(new EmptinessTest(this, budget).IsEmpty);
    }

    private void Expand(ExpansionState state, List<Conjunction> found, int depth)
    {
        if (depth > SchemaLimits.Depth * 4)
        {
            throw document.Root.Malformed(string.Empty, "has alternatives within alternatives without end");
        }

        while (state.Open.TryPop(out var next))
        {
            if (!Take(state, next.Node, next.Chain))
            {
                return;
            }
        }

        var conjunction = Conjunction.Of(state.Plain);
        if (conjunction.Types == JsonTypes.None || conjunction.Constants is { Count: 0 })
        {
            return;
        }

        if (!state.Choices.TryPop(out var choice))
        {
            found.Add(conjunction);
            return;
        }

        foreach (var option in choice)
        {
            var branch = state.Copy();
            foreach (var node in option.Nodes)
            {
                branch.Open.Push((node, option.Chain));
            }

            Expand(branch, found, depth + 1);
            if (found.Count > SchemaLimits.Alternatives)
            {
                throw state.Plain.Concat(option.Nodes).First().NotDone(string.Empty, $"it has more than {SchemaLimits.Alternatives} alternatives");
            }
        }
    }

    // False when no value satisfies the schema.
    private bool Take(ExpansionState state, SchemaNode node, ReferenceChain chain)
    {
        budget.Spend();
        if (node.Element.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return node.Element.ValueKind == JsonValueKind.True;
        }

        if (node.Element.ValueKind != JsonValueKind.Object)
        {
            throw node.Malformed(string.Empty, "is neither an object nor a boolean");
        }

        if (!state.Seen.Add(node.Pointer))
        {
            return true;
        }

        foreach (var keyword in SchemaKeywords.NotDone.Where(keyword => node.TryGet(keyword, out _)))
        {
            throw node.NotDone(keyword);
        }

        if (node.TryGet("$ref", out var reference))
        {
            Refer(state, node, reference, chain);
            if (document.HidesSiblings)
            {
                return true;
            }
        }

        state.Plain.Add(node);
        if (node.TryGet("allOf", out _))
        {
            ChildrenOf(node, "allOf").ForEach(child => state.Open.Push((child, chain)));
        }

        new ChoiceReader(this, document, budget).AddChoices(node, (options) => state.Choices.Push([.. options.Select(option => (option, chain))]), chain);
        return true;
    }

    private void Refer(ExpansionState state, SchemaNode node, JsonElement reference, ReferenceChain chain)
    {
        var target = document.Resolve(node, reference);
        if (chain.Holds(target.Pointer))
        {
            throw node.Malformed("$ref", "leads back to itself without a value in between");
        }

        state.Open.Push((target, new ReferenceChain(target.Pointer, chain)));
    }

    /// <summary>The schemas of a keyword that lists some.</summary>
    public List<SchemaNode> ChildrenOf(SchemaNode node, string keyword)
    {
        var list = node.Element.GetProperty(keyword);
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
        {
            throw node.Malformed(keyword, "is no list of schemas");
        }

        return [.. list.EnumerateArray().Select((child, i) => document.Placed(node.Child(child, keyword, i.ToString(System.Globalization.CultureInfo.InvariantCulture))))];
    }

    /// <summary>The places that references have led through on the way to a schema.</summary>
    internal sealed record ReferenceChain(string Pointer, ReferenceChain? Before)
    {
        public bool Holds(string pointer)
        {
            for (var place = this; place is not null; place = place.Before)
            {
                if (place.Pointer == pointer)
                {
                    return true;
                }
            }

            return false;
        }
    }

    private sealed class ExpansionState
    {
        public Stack<(SchemaNode Node, ReferenceChain Chain)> Open { get; private init; } = new();

        public List<SchemaNode> Plain { get; private init; } = [];

        public HashSet<string> Seen { get; private init; } = [];

        public Stack<List<(IReadOnlyList<SchemaNode> Nodes, ReferenceChain Chain)>> Choices { get; private init; } = new();

        public ExpansionState Copy() => new() { Open = new(), Plain = [.. Plain], Seen = [.. Seen], Choices = new(Choices.Reverse()) };
    }
}
