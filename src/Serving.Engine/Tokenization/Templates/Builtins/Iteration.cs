using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Python's iteration protocol: <c>iter</c>, <c>len</c>, <c>list</c>.</summary>
internal static class Iteration
{
    /// <summary>The elements of a value, each paid for as it is reached; faults for what cannot be iterated.</summary>
    public static IEnumerable<TemplateValue> Enumerate(TemplateValue value, RenderContext context) => value switch
    {
        SequenceValue s => Metered(s.Items, context),
        StringValue s => Metered(CodePoints.Enumerate(s.Text).Select(TemplateValue (c) => new StringValue(c)), context),
        DictValue d => Metered(d.Entries.Select(e => e.Key), context),
        RangeValue r => Metered(Enumerable.Range(0, r.Count).Select(i => r[i]), context),
        GeneratorValue g => Drain(g, context),
        UndefinedValue => [],
        _ => throw new TemplateFault($"'{value.TypeName}' object is not iterable"),
    };

    /// <summary>True for what <see cref="Enumerate"/> takes.</summary>
    public static bool IsIterable(TemplateValue value) => value is SequenceValue or StringValue or DictValue or RangeValue or GeneratorValue or UndefinedValue;

    /// <summary>All elements, laid out.</summary>
    public static IReadOnlyList<TemplateValue> ToList(TemplateValue value, RenderContext context)
    {
        if (value is SequenceValue s)
        {
            context.Budget.Charge(s.Items.Count);
            return s.Items;
        }

        return [.. Enumerate(value, context)];
    }

    /// <summary>Python's <c>len(value)</c>, or null for what has none.</summary>
    public static int? Length(TemplateValue value) => value switch
    {
        StringValue s => s.CodePoints,
        SequenceValue s => s.Items.Count,
        DictValue d => d.Count,
        RangeValue r => r.Count,
        UndefinedValue => 0,
        _ => null,
    };

    private static IEnumerable<TemplateValue> Metered(IEnumerable<TemplateValue> items, RenderContext context)
    {
        foreach (var item in items)
        {
            context.Budget.Charge();
            yield return item;
        }
    }

    private static IEnumerable<TemplateValue> Drain(GeneratorValue generator, RenderContext context)
    {
        while (generator.Items.MoveNext())
        {
            context.Budget.Charge();
            yield return generator.Items.Current;
        }
    }
}
