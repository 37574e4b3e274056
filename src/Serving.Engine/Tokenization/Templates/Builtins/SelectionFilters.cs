using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Filters that apply a filter or a test to every element. They are lazy, as Jinja2's are.</summary>
internal static class SelectionFilters
{
    public static IEnumerable<Builtin> All { get; } =
    [
        Builtin.Variadic("map", Map),
        Builtin.Variadic("select", (c, a) => Select(c, a, byAttribute: false, keep: true)),
        Builtin.Variadic("reject", (c, a) => Select(c, a, byAttribute: false, keep: false)),
        Builtin.Variadic("selectattr", (c, a) => Select(c, a, byAttribute: true, keep: true)),
        Builtin.Variadic("rejectattr", (c, a) => Select(c, a, byAttribute: true, keep: false)),
    ];

    private static TemplateValue Map(RenderContext context, CallArguments arguments)
    {
        var source = arguments.Positional[0];
        var items = Lazy(source, context);
        if (arguments.Positional.Count == 1)
        {
            var attribute = arguments.Find("attribute");
            if (attribute is null || arguments.Named.Any(n => n.Key is not ("attribute" or "default")))
            {
                throw new TemplateFault("map requires a filter argument");
            }

            return new GeneratorValue(items.Select(MemberAccess.Path(attribute, context, arguments.Find("default"))), source);
        }

        var name = StringMethods.Text([arguments.Positional[1]], 0);
        var rest = arguments.Skip(2);
        return new GeneratorValue(items.Select(item => FilterTable.Apply(name, context, rest.Prepend(item))), source);
    }

    private static TemplateValue Select(RenderContext context, CallArguments arguments, bool byAttribute, bool keep)
    {
        var source = arguments.Positional[0];
        var at = byAttribute ? 2 : 1;
        if (arguments.Positional.Count < at)
        {
            throw new TemplateFault("Missing parameter for attribute name");
        }

        var read = MemberAccess.Path(byAttribute ? arguments.Positional[1] : null, context);
        Func<TemplateValue, bool> holds = value => value.IsTrue;
        if (arguments.Positional.Count > at)
        {
            var name = StringMethods.Text([arguments.Positional[at]], 0);
            var rest = arguments.Skip(at + 1);
            holds = value => TestTable.Holds(name, context, rest.Prepend(value));
        }

        return new GeneratorValue(Lazy(source, context).Where(item => holds(read(item)) == keep), source);
    }

    /// <summary>The elements once they are asked for; a false value such as <c>None</c> has none.</summary>
    private static IEnumerable<TemplateValue> Lazy(TemplateValue source, RenderContext context)
    {
        if (!source.IsTrue)
        {
            yield break;
        }

        foreach (var item in Iteration.Enumerate(source, context))
        {
            yield return item;
        }
    }
}
