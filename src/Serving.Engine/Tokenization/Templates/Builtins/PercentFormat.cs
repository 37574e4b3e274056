using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Python's <c>format % values</c>.</summary>
internal static class PercentFormat
{
    /// <summary>Formats with a tuple, a mapping, or one value.</summary>
    public static StringValue Format(string format, TemplateValue values, RenderContext context)
    {
        var text = new BudgetedText(context.Budget);
        var items = values is TupleValue tuple ? tuple.Items : [values];
        var taken = 0;
        TemplateValue Next() => taken < items.Count ? items[taken++] : throw new TemplateFault("not enough arguments for format string");
        for (var at = 0; at < format.Length;)
        {
            var percent = format.IndexOf('%', at);
            if (percent < 0)
            {
                text.Append(format.AsSpan(at));
                break;
            }

            text.Append(format.AsSpan(at, percent - at));
            at = percent + 1;
            context.Budget.Charge();
            var key = ReadKey(format, ref at);
            var spec = ReadSpec(format, ref at, Next);
            if (spec.Type == '%')
            {
                text.Append('%');
                continue;
            }

            var value = key is null ? Next() : Keyed(values, key, context);
            text.Append(Convert(spec, value, context));
        }

        if (taken < items.Count && values is not (DictValue or ListValue or UndefinedValue))
        {
            throw new TemplateFault("not all arguments converted during string formatting");
        }

        return text.ToValue();
    }

    private static string? ReadKey(string format, ref int at)
    {
        if (at >= format.Length || format[at] != '(')
        {
            return null;
        }

        var close = format.IndexOf(')', at);
        if (close < 0)
        {
            throw new TemplateFault("incomplete format key");
        }

        var key = format[(at + 1)..close];
        at = close + 1;
        return key;
    }

    private static FormatSpec ReadSpec(string format, ref int at, Func<TemplateValue> next)
    {
        var spec = new FormatSpec();
        for (; at < format.Length && format[at] is '-' or '+' or ' ' or '#' or '0'; at++)
        {
            spec = format[at] switch
            {
                '-' => spec with { Align = '<', Fill = ' ' },
                '+' => spec with { Sign = '+' },
                ' ' => spec with { Sign = spec.Sign == '+' ? '+' : ' ' },
                '#' => spec with { Alternate = true },
                _ => spec.Align == '<' ? spec : spec with { Align = '=', Fill = '0' },
            };
        }

        spec = spec with { Width = ReadSize(format, ref at, 0, next) };
        if (at < format.Length && format[at] == '.')
        {
            at++;
            spec = spec with { Precision = ReadSize(format, ref at, 0, next) };
        }

        while (at < format.Length && format[at] is 'l' or 'h' or 'L')
        {
            at++;
        }

        return at < format.Length ? spec with { Type = format[at++] } : throw new TemplateFault("incomplete format");
    }

    private static int ReadSize(string format, ref int at, int missing, Func<TemplateValue> next)
    {
        if (at < format.Length && format[at] == '*')
        {
            at++;
            var size = Math.Abs(NumberValues.ToInt32(next()));
            var text = size.ToString(System.Globalization.CultureInfo.InvariantCulture);
            var start = 0;
            return FormatSpec.ReadSize(text, ref start, missing);
        }

        return FormatSpec.ReadSize(format, ref at, missing);
    }

    private static TemplateValue Keyed(TemplateValue values, string key, RenderContext context) => values is DictValue dict
        ? dict.Find(key) ?? throw new TemplateFault($"a format names the key {PythonText.Quote(key)}, which is not there")
        : throw new TemplateFault("format requires a mapping");

    private static string Convert(FormatSpec spec, TemplateValue value, RenderContext context)
    {
        switch (spec.Type)
        {
            case 's':
            case 'r' or 'a':
                var text = spec.Type == 's' ? PythonText.Str(value, context.Budget) : PythonText.Repr(value, context.Budget);
                var align = spec.Align == '<' ? '<' : '>';
                return (spec with { Type = 's', Align = align, Fill = ' ' }).Apply(new StringValue(text), context.Budget);
            case 'd' or 'i' or 'u':
                var number = NumberValues.IsNumber(value)
                    ? NumberValues.Truncate(value)
                    : throw new TemplateFault($"%{spec.Type} format: a real number is required, not {value.TypeName}");
                return (spec with { Type = 'd' }).Apply(new IntValue(number), context.Budget);
            case 'x' or 'X' or 'o' when value is IntValue or BoolValue:
                return spec.Apply(value, context.Budget);
            case 'c' when value is StringValue { CodePoints: 1 }:
                return (spec with { Type = 's', Align = spec.Align == '<' ? '<' : '>', Fill = ' ' }).Apply(value, context.Budget);
            case 'c' when value is IntValue:
            case 'f' or 'F' or 'e' or 'E' or 'g' or 'G' when NumberValues.IsNumber(value):
                return spec.Apply(value, context.Budget);
            default:
                throw new TemplateFault($"unsupported format character '{spec.Type}' for '{value.TypeName}'");
        }
    }
}
