using System.Text.Json;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>Reads the keywords that leave a choice, each as a list of alternatives of which at least one has to hold.</summary>
internal sealed class ChoiceReader(AlternativeFinder finder, SchemaDocument document, SchemaBudget budget)
{
    private readonly SchemaNegation _negation = new(document, budget);

    /// <summary>Reads all of a schema's.</summary>
    /// <param name="node">The schema.</param>
    /// <param name="add">Takes a choice: alternatives, each of schemas that all hold.</param>
    /// <param name="chain">How the schema was reached.</param>
    public void AddChoices(SchemaNode node, Action<IEnumerable<IReadOnlyList<SchemaNode>>> add, AlternativeFinder.ReferenceChain chain)
    {
        if (node.TryGet("anyOf", out _))
        {
            add(finder.ChildrenOf(node, "anyOf").Select(child => new[] { child }));
        }

        if (node.TryGet("oneOf", out _))
        {
            add(OneOf(node, chain));
        }

        if (node.TryGet("not", out var not))
        {
            add(_negation.Of(node.Child(not, "not")).Select(option => new[] { option }));
        }

        if (node.TryGet("if", out var condition) && (node.TryGet("then", out _) || node.TryGet("else", out _)))
        {
            add(Conditional(node, node.Child(condition, "if")));
        }

        foreach (var keyword in new[] { "dependentRequired", "dependentSchemas", "dependencies" })
        {
            AddDependencies(node, keyword, add);
        }
    }

    // Exactly one: of those that are not surely disjoint, each without the others. While it is tested whether something is empty one at least is enough: if that is empty, so is this.
    private List<SchemaNode[]> OneOf(SchemaNode node, AlternativeFinder.ReferenceChain chain)
    {
        var children = finder.ChildrenOf(node, "oneOf");
        if (finder.IsTesting)
        {
            return [.. children.Select(child => (SchemaNode[])[child])];
        }

        var rest = children.Select(_ => new List<SchemaNode>()).ToList();
        for (var i = 0; i < children.Count; i++)
        {
            for (var j = i + 1; j < children.Count; j++)
            {
                if (!finder.AreDisjoint(node, children[i], children[j], chain))
                {
                    rest[i].Add(Negated(node, children[j]));
                    rest[j].Add(Negated(node, children[i]));
                }
            }
        }

        return [.. children.Select((child, i) => (SchemaNode[])[child, .. rest[i]])];
    }

    private SchemaNode Negated(SchemaNode node, SchemaNode child)
    {
        try
        {
            _negation.Of(child);
            return SchemaNegation.Node(child);
        }
        catch (GrammarException exception) when (exception.IsNotSupported)
        {
            throw node.NotDone("oneOf", "its alternatives may overlap; take anyOf, or tell them apart by a type or a required constant");
        }
    }

    private IEnumerable<SchemaNode[]> Conditional(SchemaNode node, SchemaNode condition)
    {
        yield return [condition, node.TryGet("then", out var then) ? node.Child(then, "then") : node.Made("true", "then")];
        var otherwise = node.TryGet("else", out var other) ? node.Child(other, "else") : node.Made("true", "else");
        foreach (var option in _negation.Of(condition))
        {
            yield return [option, otherwise];
        }
    }

    private static void AddDependencies(SchemaNode node, string keyword, Action<IEnumerable<IReadOnlyList<SchemaNode>>> add)
    {
        if (!node.TryGet(keyword, out var map))
        {
            return;
        }

        if (map.ValueKind != JsonValueKind.Object)
        {
            throw node.Malformed(keyword, "is no object");
        }

        foreach (var member in map.EnumerateObject())
        {
            var name = JsonSerializer.Serialize(member.Name);
            var without = node.Made($$"""{"properties":{ {{name}}:false} }""", $"without {keyword} {name}");
            if (member.Value.ValueKind == JsonValueKind.Array)
            {
                var names = string.Concat(member.Value.EnumerateArray().Select(other => $",{other.GetRawText()}"));
                add([[without], [node.Made($$"""{"type":"object","required":[{{name}}{{names}}]}""", $"with {keyword} {name}")]]);
            }
            else
            {
                add([[without], [node.Made($$"""{"type":"object","required":[{{name}}]}""", $"with {keyword} {name}"), node.Child(member.Value, keyword, member.Name)]]);
            }
        }
    }
}
