using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Filters that compare elements. Unless told otherwise they do so without regard to case.</summary>
internal static class OrderFilters
{
    public static IEnumerable<Builtin> All { get; } =
    [
        Builtin.Fixed("sort value reverse? case_sensitive? attribute?", Sort),
        Builtin.Fixed("dictsort value case_sensitive? by? reverse?", DictSort),
        Builtin.Fixed("groupby value attribute default? case_sensitive?", GroupBy),
        Builtin.Fixed("unique value case_sensitive? attribute?", (c, a) => new GeneratorValue(Unique(c, a), a[0]!)),
        Builtin.Fixed("min value case_sensitive? attribute?", (c, a) => Extreme(c, a, -1)),
        Builtin.Fixed("max value case_sensitive? attribute?", (c, a) => Extreme(c, a, 1)),
    ];

    private static Func<TemplateValue, TemplateValue> Key(TemplateValue? attribute, TemplateValue? caseSensitive, RenderContext context, TemplateValue? fallback = null)
    {
        var read = MemberAccess.Path(attribute, context, fallback);
        return caseSensitive?.IsTrue ?? false ? read : item => Fold(read(item), context);
    }

    private static TemplateValue Fold(TemplateValue value, RenderContext context)
    {
        if (value is not StringValue s)
        {
            return value;
        }

        context.Budget.Grow(s.Text.Length);
        return new StringValue(PythonStrings.Lower(s.Text));
    }

    private static TemplateValue Sort(RenderContext context, TemplateValue?[] a)
    {
        var keys = a[3] is StringValue s
            ? Array.ConvertAll(s.Text.Split(','), p => Key(new StringValue(p), a[2], context))
            : [Key(a[3], a[2], context)];
        var keyed = Iteration.Enumerate(a[0]!, context).Select(item => (Item: item, Key: new ListValue(Array.ConvertAll(keys, k => k(item)))));
        var sorted = Ordering.Sort(keyed, (x, y) => Ordering.Compare(x.Key, y.Key, context.Budget), context.Budget, a[1]?.IsTrue ?? false);
        return new ListValue(sorted.ConvertAll(e => e.Item));
    }

    private static TemplateValue DictSort(RenderContext context, TemplateValue?[] a)
    {
        var by = a[2] is null ? "key" : StringMethods.Text(a, 2);
        if (a[0] is not DictValue dict || by is not ("key" or "value"))
        {
            throw a[0] is UndefinedValue u ? u.Fault() : new TemplateFault("dictsort sorts a mapping by 'key' or 'value'");
        }

        var keyed = dict.Entries.Select(e => (Entry: e, Key: a[1]?.IsTrue ?? false ? Side(e, by) : Fold(Side(e, by), context)));
        var sorted = Ordering.Sort(keyed, (x, y) => Ordering.Compare(x.Key, y.Key, context.Budget), context.Budget, a[3]?.IsTrue ?? false);
        return new ListValue(sorted.ConvertAll(TemplateValue (e) => new TupleValue([e.Entry.Key, e.Entry.Value])));
    }

    private static TemplateValue Side(KeyValuePair<TemplateValue, TemplateValue> entry, string by) => by == "key" ? entry.Key : entry.Value;

    private static TemplateValue GroupBy(RenderContext context, TemplateValue?[] a)
    {
        var key = Key(a[1], a[3], context, a[2]);
        var own = MemberAccess.Path(a[1], context, a[2]);
        var keyed = Iteration.Enumerate(a[0]!, context).Select(item => (Item: item, Key: key(item)));
        var sorted = Ordering.Sort(keyed, (x, y) => Ordering.Compare(x.Key, y.Key, context.Budget), context.Budget);
        var groups = new List<TemplateValue>();
        for (var i = 0; i < sorted.Count;)
        {
            var group = new List<TemplateValue>();
            var first = sorted[i];
            while (i < sorted.Count && Equality.AreEqual(first.Key, sorted[i].Key, context.Budget))
            {
                group.Add(sorted[i++].Item);
            }

            groups.Add(new TupleValue([own(first.Item), new ListValue(group)], ["grouper", "list"]));
            i += group.Count == 0 ? 1 : 0;
        }

        return new ListValue(groups);
    }

    private static IEnumerable<TemplateValue> Unique(RenderContext context, TemplateValue?[] a)
    {
        var key = Key(a[2], a[1], context);
        var seen = new DictValue(context.Budget);
        foreach (var item in Iteration.Enumerate(a[0]!, context))
        {
            var own = key(item);
            if (seen.Find(own) is null)
            {
                seen.Set(own, NoneValue.Instance);
                yield return item;
            }
        }
    }

    private static TemplateValue Extreme(RenderContext context, TemplateValue?[] a, int sign)
    {
        var key = Key(a[2], a[1], context);
        TemplateValue? best = null, bestKey = null;
        foreach (var item in Iteration.Enumerate(a[0]!, context))
        {
            var own = key(item);
            if (bestKey is null || Ordering.Compare(own, bestKey, context.Budget) * sign > 0)
            {
                (best, bestKey) = (item, own);
            }
        }

        return best ?? new UndefinedValue("No aggregated item, sequence was empty.");
    }
}
