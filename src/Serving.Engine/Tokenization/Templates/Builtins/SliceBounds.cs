using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Python's slices: negative bounds count from the end, bounds outside are clipped.</summary>
internal static class SliceBounds
{
    /// <summary>The half-open interval of a start and a stop that may be missing.</summary>
    public static (int Start, int Stop) Clip(TemplateValue? start, TemplateValue? stop, int length) =>
        (Clip(start, 0, length, 0, length), Clip(stop, length, length, 0, length));

    /// <summary><c>value[start:stop:step]</c> of a string, list, tuple or range.</summary>
    public static TemplateValue Slice(TemplateValue value, TemplateValue? start, TemplateValue? stop, TemplateValue? step, RenderContext context)
    {
        if (value is UndefinedValue undefined)
        {
            throw undefined.Fault();
        }

        if (value is not (StringValue or ListValue or TupleValue or RangeValue))
        {
            throw new TemplateFault($"'{value.TypeName}' object cannot be sliced");
        }

        var stride = step is null or NoneValue ? 1 : NumberValues.ToInt32(step);
        if (stride == 0)
        {
            throw new TemplateFault("slice step cannot be zero");
        }

        var length = Iteration.Length(value) ?? 0;
        var (low, high) = stride > 0 ? (0, length) : (-1, length - 1);
        var from = Clip(start, stride > 0 ? low : high, length, low, high);
        var to = Clip(stop, stride > 0 ? high : low, length, low, high);
        if (value is StringValue s)
        {
            return SliceText(s, from, to, stride, context);
        }

        var items = new List<TemplateValue>();
        var source = Iteration.ToList(value, context);
        for (long i = from; stride > 0 ? i < to : i > to; i += stride)
        {
            context.Budget.Charge();
            items.Add(source[(int)i]);
        }

        return value is TupleValue ? new TupleValue(items) : new ListValue(items);
    }

    private static int Clip(TemplateValue? bound, int missing, int length, int low, int high)
    {
        if (bound is null or NoneValue)
        {
            return missing;
        }

        var index = NumberValues.ToInt32(bound);
        return Math.Clamp(index < 0 ? index + length : index, low, high);
    }

    private static StringValue SliceText(StringValue value, int from, int to, int stride, RenderContext context)
    {
        context.Budget.ChargeText(value.IsBasic ? 0 : value.Text.Length);
        if (stride == 1)
        {
            var start = CodePoints.Offset(value, from);
            var end = Math.Max(start, CodePoints.Offset(value, to));
            context.Budget.Allocate(end - start);
            return new StringValue(value.Text[start..end], value.IsMarkup);
        }

        context.Budget.Allocate(value.Text.Length);
        var points = CodePoints.Enumerate(value.Text).ToArray();
        var text = new BudgetedText(context.Budget);
        for (long i = from; stride > 0 ? i < to : i > to; i += stride)
        {
            text.Append(points[i]);
        }

        return text.ToValue();
    }
}
