using System.Text.Json;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>
/// The grammar of a document, value by value: what has to satisfy the same schemas shares a rule, so that schemas may nest in themselves. Rules that have been
/// asked for wait in a list, so that a long chain of schemas takes no stack.
/// </summary>
internal sealed class ValueGrammars : IValueGrammars
{
    private readonly AlternativeFinder _finder;
    private readonly Dictionary<string, RuleExpression> _rules = [];
    private readonly Queue<(RuleExpression Rule, IReadOnlyList<SchemaNode> Schemas)> _open = new();
    private readonly ObjectGrammar _objects;
    private readonly ArrayGrammar _arrays;
    private readonly ProductiveRules _productive = new();

    public ValueGrammars(SchemaDocument document, GrammarBuilder builder, JsonStyle style)
    {
        Builder = builder;
        Json = new JsonGrammar(builder, style);
        Budget = new SchemaBudget(document.Root.Field);
        _finder = new AlternativeFinder(document, Budget);
        _objects = new ObjectGrammar(this);
        _arrays = new ArrayGrammar(this);
    }

    public JsonGrammar Json { get; }

    public GrammarBuilder Builder { get; }

    public SchemaBudget Budget { get; }

    /// <summary>The values that satisfy a whole document.</summary>
    /// <exception cref="GrammarException">There are none, or something in it is malformed, not done or too large.</exception>
    public GrammarExpression Whole(SchemaNode root) => Several([(root, false)])[0];

    /// <summary>The values that satisfy some schemas of it, each as JSON or as what its strings mean.</summary>
    /// <exception cref="GrammarException">There are none for one, or something in it is malformed, not done or too large.</exception>
    public IReadOnlyList<GrammarExpression> Several(IReadOnlyList<(SchemaNode Schema, bool IsMeant)> wanted)
    {
        GrammarExpression[] starts = [.. wanted.Select(one => one.IsMeant ? Meant([one.Schema]) : Of([one.Schema]))];
        Define();
        for (var i = 0; i < starts.Length; i++)
        {
            if ((Express.IsNever(starts[i]) ? wanted[i].Schema.Pointer : _productive.FindEmpty(starts[i])) is { } pointer)
            {
                throw new GrammarException($"{wanted[i].Schema.Field}: no value satisfies the schema: there is none for {pointer}.");
            }
        }

        return starts;
    }

    private void Define()
    {
        while (_open.TryDequeue(out var next))
        {
            var expression = Values(next.Schemas);
            Builder.Define(next.Rule, expression);
            _productive.Add(next.Rule, expression, next.Schemas[0].Pointer);
        }
    }

    public GrammarExpression Of(IReadOnlyList<SchemaNode> schemas)
    {
        Budget.Spend();
        if (schemas.Any(schema => schema.IsFalse))
        {
            return GrammarExpression.Never;
        }

        SchemaNode[] kept = [.. schemas.Where(schema => !schema.IsTrue).DistinctBy(schema => schema.Key)];
        if (kept.Length == 0)
        {
            return Json.Value;
        }

        var key = string.Join('\u0001', kept.Select(schema => schema.Key).Order(StringComparer.Ordinal));
        if (!_rules.TryGetValue(key, out var rule))
        {
            rule = Builder.Announce();
            _rules.Add(key, rule);
            _open.Enqueue((rule, kept));
        }

        return rule;
    }

    public GrammarExpression Meant(IReadOnlyList<SchemaNode> schemas) => Express.Choice([.. _finder.Find(schemas).Where(alternative => alternative.Types.HasFlag(JsonTypes.String)).Select(Meant)]);

    private GrammarExpression Meant(Conjunction conjunction)
    {
        var test = new ConstantTest(conjunction, Budget);
        return conjunction.Constants is { } constants
            ? Express.Choice([.. constants.Where(constant => constant.ValueKind == JsonValueKind.String && test.Takes(constant)).Select(constant => Express.Text(constant.GetString()!))])
            : StringLanguage.Of(conjunction).Meant();
    }

    private GrammarExpression Values(IReadOnlyList<SchemaNode> schemas) => Express.Choice([.. _finder.Find(schemas).Select(Values)]);

    private GrammarExpression Values(Conjunction conjunction)
    {
        if (conjunction.IsTrue)
        {
            return Json.Value;
        }

        if (conjunction.Constants is { } constants)
        {
            var test = new ConstantTest(conjunction, Budget);
            return Express.Choice([.. constants.Where(test.Takes).Select(Constant)]);
        }

        var types = conjunction.Types;
        var options = new List<GrammarExpression>();
        options.AddRange(new[] { ("null", JsonTypes.Null), ("true", JsonTypes.Boolean), ("false", JsonTypes.Boolean) }
            .Where(literal => types.HasFlag(literal.Item2) && !IsExcluded(conjunction, literal.Item1))
            .Select(literal => Express.Text(literal.Item1)));
        Add(options, (types & JsonTypes.Number) != 0, () => NumberGrammar.Of(conjunction, Json));
        Add(options, types.HasFlag(JsonTypes.String), () => Strings(conjunction));
        Add(options, types.HasFlag(JsonTypes.Array), () => _arrays.Of(WithoutExcluded(conjunction, JsonValueKind.Array)));
        Add(options, types.HasFlag(JsonTypes.Object), () => _objects.Of(WithoutExcluded(conjunction, JsonValueKind.Object)));
        return Express.Choice(options);
    }

    private GrammarExpression Strings(Conjunction conjunction)
    {
        var language = StringLanguage.Of(conjunction);
        if (!language.IsLength)
        {
            return WrittenStrings.Quoted(WrittenStrings.Written(language.Meant()));
        }

        return language.Least == 0 && language.Most is null ? Json.String
            : language.Least > language.Most ? GrammarExpression.Never
            : WrittenStrings.Quoted(Counted.Of(Builder, WrittenStrings.AnyCharacter, language.Least, language.Most));
    }

    private GrammarExpression Constant(JsonElement constant) => constant.ValueKind switch
    {
        JsonValueKind.String => WrittenStrings.Quoted(WrittenStrings.Written(Express.Text(constant.GetString()!))),
        JsonValueKind.Array => constant.GetArrayLength() == 0 ? Express.Text("[]")
            : Json.InBrackets('[', ']', Joined([.. constant.EnumerateArray().Select(Constant)]), isOptional: false),
        JsonValueKind.Object => !constant.EnumerateObject().Any() ? Express.Text("{}")
            : Json.InBrackets('{', '}', Joined([.. constant.EnumerateObject().Select(Member)]), isOptional: false),
        _ => Express.Text(constant.GetRawText()),
    };

    private GrammarExpression Member(JsonProperty member) => Json.Member(WrittenStrings.Quoted(WrittenStrings.Written(Express.Text(member.Name))), Constant(member.Value));

    private GrammarExpression Joined(IReadOnlyList<GrammarExpression> items) => Express.Concat([items[0], .. items.Skip(1).Select(item => Express.Concat(Json.Comma, item))]);

    private static void Add(List<GrammarExpression> options, bool isAllowed, Func<GrammarExpression> make)
    {
        if (isAllowed && make() is var expression && !Express.IsNever(expression))
        {
            options.Add(expression);
        }
    }

    private static bool IsExcluded(Conjunction conjunction, string literal) => conjunction.Nodes.Any(node => node.Excluded.Any(constant => constant.GetRawText() == literal));

    private static Conjunction WithoutExcluded(Conjunction conjunction, JsonValueKind kind)
    {
        var node = conjunction.Nodes.FirstOrDefault(node => node.Excluded.Any(constant => constant.ValueKind == kind));
        return node is null ? conjunction : throw node.NotDone("not", "of a constant that is an array or an object");
    }
}
