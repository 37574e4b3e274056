using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Filters that take sequences apart, or values by name.</summary>
internal static class SequenceFilters
{
    public static IEnumerable<Builtin> All { get; } =
    [
        Builtin.Fixed("attr value name", (c, a) => a[0] is DictValue && MethodTable.Find(a[0]!, StringMethods.Text(a, 1)) is null
            ? new UndefinedValue($"'dict object' has no attribute '{StringMethods.Text(a, 1)}'")
            : MemberAccess.Get(a[0]!, StringMethods.Text(a, 1), c)),
        Builtin.Fixed("default value default_value? boolean?", Default),
        Builtin.Fixed("d value default_value? boolean?", Default),
        Builtin.Fixed("first items", (c, a) => Iteration.Enumerate(a[0]!, c).FirstOrDefault() ?? new UndefinedValue("No first item, sequence was empty.")),
        Builtin.Fixed("last items", Last),
        Builtin.Fixed("list items", (c, a) => new ListValue([.. Iteration.Enumerate(a[0]!, c)])),
        Builtin.Fixed("items mapping", Items),
        Builtin.Fixed("join items d? attribute?", Join),
        Builtin.Fixed("reverse value", Reverse),
        Builtin.Fixed("batch items linecount fill_with?", (c, a) => new GeneratorValue(Batch(c, a), a[0]!)),
        Builtin.Fixed("slice items slices fill_with?", (c, a) => new GeneratorValue(Slice(c, a), a[0]!)),
    ];

    private static TemplateValue Default(RenderContext context, TemplateValue?[] a) =>
        a[0] is UndefinedValue || ((a[2]?.IsTrue ?? false) && !a[0]!.IsTrue) ? a[1] ?? StringValue.Empty : a[0]!;

    private static TemplateValue Last(RenderContext context, TemplateValue?[] a)
    {
        if (a[0] is GeneratorValue)
        {
            throw new TemplateFault("'generator' object is not reversible");
        }

        var items = Iteration.ToList(a[0]!, context);
        return items.Count > 0 ? items[^1] : new UndefinedValue("No last item, sequence was empty.");
    }

    private static TemplateValue Items(RenderContext context, TemplateValue?[] a) => a[0] switch
    {
        DictValue d => new GeneratorValue(d.Entries.Select(TemplateValue (e) => new TupleValue([e.Key, e.Value])), d),
        UndefinedValue => new ListValue([]),
        _ => throw new TemplateFault("Can only get item pairs from a mapping."),
    };

    private static TemplateValue Join(RenderContext context, TemplateValue?[] a)
    {
        var separator = a[1] is null ? string.Empty : PythonText.Str(a[1]!, context.Budget);
        var read = MemberAccess.Path(a[2], context);
        var text = new BudgetedText(context.Budget);
        var first = true;
        foreach (var item in Iteration.Enumerate(a[0]!, context))
        {
            text.Append(first ? string.Empty : separator).Append(PythonText.Str(read(item), context.Budget));
            first = false;
        }

        return text.ToValue();
    }

    private static TemplateValue Reverse(RenderContext context, TemplateValue?[] a)
    {
        if (a[0] is StringValue s)
        {
            context.Budget.Allocate(s.Text.Length);
            return new StringValue(string.Concat(CodePoints.Enumerate(s.Text).Reverse()));
        }

        return new GeneratorValue(Iteration.Enumerate(a[0]!, context).Reverse(), a[0]!);
    }

    private static IEnumerable<TemplateValue> Batch(RenderContext context, TemplateValue?[] a)
    {
        var size = NumberValues.ToInt32(a[1]!);
        var line = new List<TemplateValue>();
        foreach (var item in Iteration.Enumerate(a[0]!, context))
        {
            if (line.Count == size)
            {
                yield return new ListValue(line);
                line = [];
            }

            line.Add(item);
        }

        if (line.Count > 0)
        {
            if (a[2] is { } fill and not NoneValue && line.Count < size)
            {
                context.Budget.Charge(size);
                line.AddRange(Enumerable.Repeat(fill, size - line.Count));
            }

            yield return new ListValue(line);
        }
    }

    private static IEnumerable<TemplateValue> Slice(RenderContext context, TemplateValue?[] a)
    {
        var items = Iteration.ToList(a[0]!, context);
        var count = NumberValues.ToInt32(a[1]!);
        if (count <= 0)
        {
            throw new TemplateFault("slice needs one slice or more");
        }

        var (size, longer) = (items.Count / count, items.Count % count);
        var at = 0;
        for (var i = 0; i < count; i++)
        {
            context.Budget.Charge();
            var end = at + size + (i < longer ? 1 : 0);
            var line = items.Skip(at).Take(end - at).ToList();
            if (a[2] is { } fill and not NoneValue && i >= longer)
            {
                line.Add(fill);
            }

            at = end;
            yield return new ListValue(line);
        }
    }
}
