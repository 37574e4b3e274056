using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Patterns;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>What the schemas of a conjunction say of an object's members.</summary>
internal sealed class ObjectMembers
{
    private readonly List<MemberSchemas> _parts = [];
    private readonly List<string> _names = [];
    private readonly Dictionary<string, GrammarExpression> _patterns = [];
    private readonly List<SchemaNode> _ofNames = [];
    private readonly SchemaBudget _budget;

    private ObjectMembers(SchemaBudget budget) => _budget = budget;

    /// <summary>The names that the schemas speak of, in the order in which they do; then those that are required only.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>The names that must be there.</summary>
    public HashSet<string> Required { get; } = [];

    /// <summary>The schemas that hold for every member's name.</summary>
    public IReadOnlyList<SchemaNode> OfNames => _ofNames;

    /// <summary>Reads them.</summary>
    public static ObjectMembers Of(Conjunction conjunction, SchemaBudget budget)
    {
        var result = new ObjectMembers(budget);
        var seen = new HashSet<string>();
        foreach (var node in conjunction.Nodes)
        {
            var part = result.Read(node);
            result._parts.Add(part);
            result._names.AddRange(part.Properties.Keys.Where(seen.Add));
        }

        foreach (var (node, list) in conjunction.All("required").Where(item => item.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False)))
        {
            foreach (var name in ListOf(node, list))
            {
                result.Required.Add(name);
                if (seen.Add(name))
                {
                    result._names.Add(name);
                }
            }
        }

        return result;
    }

    /// <summary>The schemas that hold for the value of a member.</summary>
    public List<SchemaNode> SchemasOf(string name)
    {
        _budget.Spend(_parts.Count);
        var matching = _patterns.Where(pattern => _budget.Test.Contains(pattern.Value, name)).Select(pattern => pattern.Key).ToHashSet();
        return [.. _parts.SelectMany(part => part.SchemasOf(name, matching))];
    }

    /// <summary>
    /// The members whose names the schemas do not speak of: for each set of patterns the names that match these and no others, and the schemas that hold for the value.
    /// </summary>
    /// <param name="allowed">What every name has to be; null is anything.</param>
    /// <returns>The names (null is any name at all) and the schemas; without those that are forbidden.</returns>
    public IEnumerable<(GrammarExpression? Names, List<SchemaNode> Schemas)> Others(GrammarExpression? allowed)
    {
        string[] patterns = [.. _patterns.Keys];
        for (var set = 0; set < 1 << patterns.Length; set++)
        {
            _budget.Spend(_parts.Count);
            var matching = patterns.Where((_, i) => (set >> i & 1) != 0).ToHashSet();
            var schemas = _parts.SelectMany(part => part.SchemasOf(null, matching)).ToList();
            if (!schemas.Any(schema => schema.IsFalse))
            {
                yield return (Named(matching, allowed), schemas);
            }
        }
    }

    private GrammarExpression? Named(HashSet<string> matching, GrammarExpression? allowed)
    {
        if (_names.Count == 0 && _patterns.Count == 0)
        {
            return allowed;
        }

        var inside = matching.Select(pattern => _patterns[pattern]).Prepend(allowed ?? Express.AnyText).Aggregate((first, second) => new BothExpression(first, second));
        GrammarExpression[] outside = [.. _names.Select(Express.Text), .. _patterns.Where(pattern => !matching.Contains(pattern.Key)).Select(pattern => pattern.Value)];
        return outside.Length == 0 ? inside : new ExceptExpression(inside, Express.Choice(outside));
    }

    private MemberSchemas Read(SchemaNode node)
    {
        var properties = new Dictionary<string, SchemaNode>();
        foreach (var member in MapOf(node, "properties"))
        {
            properties[member.Name] = node.Child(member.Value, "properties", member.Name);
        }

        var patterns = new List<(string Pattern, SchemaNode Schema)>();
        foreach (var member in MapOf(node, "patternProperties"))
        {
            patterns.Add((member.Name, node.Child(member.Value, "patternProperties", member.Name)));
            if (!_patterns.ContainsKey(member.Name))
            {
                _patterns.Add(member.Name, PatternReader.ReadSearch(member.Name, $"{node.Field}: {node.Pointer}/patternProperties"));
            }
        }

        if (_patterns.Count > SchemaLimits.NamePatterns)
        {
            throw node.NotDone("patternProperties", $"more than {SchemaLimits.NamePatterns} patterns");
        }

        if (node.TryGet("propertyNames", out var names))
        {
            _ofNames.Add(node.Child(names, "propertyNames"));
        }

        return new MemberSchemas(properties, patterns, Additional(node));
    }

    private static SchemaNode? Additional(SchemaNode node)
    {
        if (node.TryGet("additionalProperties", out var additional))
        {
            return node.Child(additional, "additionalProperties");
        }

        if (!node.TryGet("unevaluatedProperties", out var unevaluated) || unevaluated.ValueKind == JsonValueKind.True)
        {
            return null;
        }

        // Without schemas that are applied to the same value there is nothing else that could have evaluated them.
        return SchemaKeywords.InPlace.Any(keyword => node.TryGet(keyword, out _))
            ? throw node.NotDone("unevaluatedProperties", "beside other schemas of the same value")
            : node.Child(unevaluated, "unevaluatedProperties");
    }

    private static IEnumerable<JsonProperty> MapOf(SchemaNode node, string keyword) => !node.TryGet(keyword, out var map) ? []
        : map.ValueKind == JsonValueKind.Object ? map.EnumerateObject() : throw node.Malformed(keyword, "is no object");

    private static IEnumerable<string> ListOf(SchemaNode node, JsonElement list) => list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(name => name.ValueKind == JsonValueKind.String)
        ? list.EnumerateArray().Select(name => name.GetString()!)
        : throw node.Malformed("required", "is no list of names");

    /// <summary>What one schema says of members.</summary>
    private sealed record MemberSchemas(Dictionary<string, SchemaNode> Properties, List<(string Pattern, SchemaNode Schema)> Patterns, SchemaNode? Additional)
    {
        public IEnumerable<SchemaNode> SchemasOf(string? name, HashSet<string> matching)
        {
            SchemaNode? own = null;
            var isKnown = name is not null && Properties.TryGetValue(name, out own);
            if (own is not null)
            {
                yield return own;
            }

            foreach (var (pattern, schema) in Patterns.Where(pattern => matching.Contains(pattern.Pattern)))
            {
                isKnown = true;
                yield return schema;
            }

            if (!isKnown && Additional is not null)
            {
                yield return Additional;
            }
        }
    }
}
