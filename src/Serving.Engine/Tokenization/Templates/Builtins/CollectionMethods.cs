using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Methods of lists, tuples, ranges and objects that change nothing.</summary>
internal static class CollectionMethods
{
    public static IEnumerable<Builtin> OfSequence { get; } =
    [
        Builtin.Fixed("count self value", (c, a) => new IntValue(Iteration.Enumerate(a[0]!, c).Count(i => Equality.AreEqual(i, a[1]!, c.Budget)))),
        Builtin.Fixed("index self value start? stop?", Index),
        Builtin.Fixed("copy self", (_, a) => a[0]!),
    ];

    public static IEnumerable<Builtin> OfDict { get; } =
    [
        Builtin.Fixed("get self key default?", (_, a) => ((DictValue)a[0]!).Find(a[1]!) ?? a[2] ?? NoneValue.Instance),
        Builtin.Fixed("keys self", (c, a) => View("dict_keys", a[0]!, c, e => e.Key)),
        Builtin.Fixed("values self", (c, a) => View("dict_values", a[0]!, c, e => e.Value)),
        Builtin.Fixed("items self", (c, a) => View("dict_items", a[0]!, c, e => new TupleValue([e.Key, e.Value]))),
        Builtin.Fixed("copy self", (_, a) => a[0]!),
    ];

    private static ViewValue View(string name, TemplateValue dict, RenderContext context, Func<KeyValuePair<TemplateValue, TemplateValue>, TemplateValue> select)
    {
        var entries = ((DictValue)dict).Entries;
        context.Budget.Charge(entries.Count);
        return new ViewValue(name, [.. entries.Select(select)]);
    }

    private static TemplateValue Index(RenderContext context, TemplateValue?[] a)
    {
        var items = Iteration.ToList(a[0]!, context);
        var (start, stop) = SliceBounds.Clip(a[2], a[3], items.Count);
        for (var i = start; i < stop; i++)
        {
            if (Equality.AreEqual(items[i], a[1]!, context.Budget))
            {
                return new IntValue(i);
            }
        }

        throw new TemplateFault("the value is not in the list");
    }
}
