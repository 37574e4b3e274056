using System.Globalization;

namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>Python's <c>json.dumps</c>, as the <c>tojson</c> filter of chat templates calls it.</summary>
internal sealed class JsonText
{
    private readonly BudgetedText _text;

    private readonly JsonTextOptions _options;

    public JsonText(BudgetedText text, JsonTextOptions options)
    {
        _text = text;
        _options = options;
    }

    /// <summary>Writes a value; faults for what JSON has no form for.</summary>
    public void Write(TemplateValue value, int depth = 0)
    {
        RenderBudget.CheckDepth(depth);
        _text.Budget.Charge();
        switch (value)
        {
            case StringValue s:
                WriteString(s.Text);
                break;
            case ListValue or TupleValue:
                WriteItems(((SequenceValue)value).Items, depth);
                break;
            case DictValue d:
                WriteEntries(d, depth);
                break;
            case NoneValue or BoolValue or IntValue or FloatValue:
                NumberValues.ChargeDigits(value is IntValue i ? i.Number : 0, _text.Budget);
                _text.Append(Scalar(value));
                break;
            default:
                throw new TemplateFault($"Object of type {value.TypeName} is not JSON serializable");
        }
    }

    private static string Scalar(TemplateValue value) => value switch
    {
        NoneValue => "null",
        BoolValue b => b.IsTrue ? "true" : "false",
        IntValue i => i.Number.ToString(CultureInfo.InvariantCulture),
        FloatValue { Number: double.NaN } => "NaN",
        FloatValue { Number: double.PositiveInfinity } => "Infinity",
        FloatValue { Number: double.NegativeInfinity } => "-Infinity",
        FloatValue f => FloatText.Repr(f.Number),
        _ => throw new TemplateFault($"keys must be str, int, float, bool or None, not {value.TypeName}"),
    };

    private void WriteItems(IReadOnlyList<TemplateValue> items, int depth)
    {
        if (items.Count == 0)
        {
            _text.Append("[]");
            return;
        }

        _text.Append('[');
        for (var i = 0; i < items.Count; i++)
        {
            StartItem(i == 0, depth + 1);
            Write(items[i], depth + 1);
        }

        StartLine(depth);
        _text.Append(']');
    }

    private void WriteEntries(DictValue dict, int depth)
    {
        if (dict.Count == 0)
        {
            _text.Append("{}");
            return;
        }

        IEnumerable<KeyValuePair<TemplateValue, TemplateValue>> entries = dict.Entries;
        if (_options.SortKeys)
        {
            entries = Ordering.Sort(dict.Entries, (a, b) => Ordering.Compare(a.Key, b.Key, _text.Budget), _text.Budget);
        }

        _text.Append('{');
        var first = true;
        foreach (var (key, value) in entries)
        {
            StartItem(first, depth + 1);
            WriteString(key is StringValue s ? s.Text : Scalar(key));
            _text.Append(_options.KeySeparator);
            Write(value, depth + 1);
            first = false;
        }

        StartLine(depth);
        _text.Append('}');
    }

    private void StartItem(bool first, int depth)
    {
        if (!first)
        {
            _text.Append(_options.ItemSeparator);
        }

        StartLine(depth);
    }

    private void StartLine(int depth)
    {
        if (_options.Indent is { } indent)
        {
            _text.Append('\n');
            for (var i = 0; i < depth; i++)
            {
                _text.Append(indent);
            }
        }
    }

    private void WriteString(string text)
    {
        _text.Append('"');
        var written = 0;
        for (var at = 0; at < text.Length; at++)
        {
            if (Escape(text[at]) is { } escape)
            {
                _text.Append(text.AsSpan(written, at - written)).Append(escape);
                written = at + 1;
            }
        }

        _text.Append(text.AsSpan(written)).Append('"');
    }

    private string? Escape(char c) => c switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\b' => "\\b",
        '\f' => "\\f",
        < ' ' => $"\\u{(int)c:x4}",
        >= '\ufdd0' and <= '\ufdef' => null,
        > '~' when _options.EnsureAscii => $"\\u{(int)c:x4}",
        _ => null,
    };
}
