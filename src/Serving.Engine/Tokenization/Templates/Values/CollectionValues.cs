namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>Values with a length and an order: a list, a tuple, a view of an object.</summary>
internal abstract class SequenceValue(IReadOnlyList<TemplateValue> items) : TemplateValue
{
    public IReadOnlyList<TemplateValue> Items { get; } = items;

    public override bool IsTrue => Items.Count > 0;
}

/// <summary>A list.</summary>
internal sealed class ListValue(IReadOnlyList<TemplateValue> items) : SequenceValue(items)
{
    public override string TypeName => "list";
}

/// <summary>A tuple, with names for its fields when a filter makes it (<c>groupby</c>).</summary>
internal sealed class TupleValue(IReadOnlyList<TemplateValue> items, IReadOnlyList<string>? fields = null) : SequenceValue(items)
{
    public IReadOnlyList<string>? Fields { get; } = fields;

    public override string TypeName => "tuple";
}

/// <summary>What <c>keys()</c>, <c>values()</c> and <c>items()</c> of an object yield: countable and iterable, without subscripts.</summary>
internal sealed class ViewValue(string typeName, IReadOnlyList<TemplateValue> items) : SequenceValue(items)
{
    public override string TypeName { get; } = typeName;
}

/// <summary>A range of integers that is not laid out in memory.</summary>
internal sealed class RangeValue(long start, long stop, long step, int count) : TemplateValue
{
    public long Start { get; } = start;

    public long Stop { get; } = stop;

    public long Step { get; } = step;

    public int Count { get; } = count;

    public override string TypeName => "range";

    public override bool IsTrue => Count > 0;

    public TemplateValue this[int index] => new IntValue(Start + (index * Step));
}

/// <summary>The lazy result of a filter such as <c>map</c>: walked over once, always true, without a length.</summary>
internal sealed class GeneratorValue : TemplateValue
{
    /// <summary>Generators over generators; each level is a level of the stack when the outermost advances.</summary>
    private const int MaxNesting = 32;

    private readonly int _nesting;

    public GeneratorValue(IEnumerable<TemplateValue> items, TemplateValue source)
    {
        Items = items.GetEnumerator();
        _nesting = source is GeneratorValue inner ? inner._nesting + 1 : 1;
        if (_nesting > MaxNesting)
        {
            throw new TemplateFault($"more than {MaxNesting} lazy filters are chained");
        }
    }

    /// <summary>What is left to walk over.</summary>
    public IEnumerator<TemplateValue> Items { get; }

    public override string TypeName => "generator";
}

/// <summary><c>namespace(...)</c>: the one value whose attributes a template can set.</summary>
internal sealed class NamespaceValue(DictValue attributes) : TemplateValue
{
    public DictValue Attributes { get; } = attributes;

    public override string TypeName => "Namespace";
}
