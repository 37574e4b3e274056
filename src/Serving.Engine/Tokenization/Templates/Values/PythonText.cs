using System.Globalization;
using System.Text;

namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>Python's <c>str(value)</c> and <c>repr(value)</c>.</summary>
internal static class PythonText
{
    /// <summary>What <c>{{ value }}</c> prints.</summary>
    public static string Str(TemplateValue value, RenderBudget budget)
    {
        switch (value)
        {
            case StringValue s:
                return s.Text;
            case UndefinedValue:
                return string.Empty;
            default:
                var text = new BudgetedText(budget);
                Write(value, text, 0);
                return text.ToString();
        }
    }

    /// <summary>Python's <c>repr(value)</c>.</summary>
    public static string Repr(TemplateValue value, RenderBudget budget)
    {
        var text = new BudgetedText(budget);
        Write(value, text, 0);
        return text.ToString();
    }

    /// <summary>Python's repr of a string: single quotes unless only a double quote needs none of the escapes.</summary>
    public static string Quote(string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var quoted = new StringBuilder(text.Length + 2).Append(quote);
        for (var at = 0; at < text.Length;)
        {
            var width = CodePoints.WidthAt(text, at);
            AppendEscaped(quoted, text, at, width, quote);
            at += width;
        }

        return quoted.Append(quote).ToString();
    }

    private static void AppendEscaped(StringBuilder quoted, string text, int at, int width, char quote)
    {
        var code = width == 2 ? char.ConvertToUtf32(text[at], text[at + 1]) : text[at];
        switch (code)
        {
            case '\n':
                quoted.Append("\\n");
                break;
            case '\r':
                quoted.Append("\\r");
                break;
            case '\t':
                quoted.Append("\\t");
                break;
            case '\\':
                quoted.Append("\\\\");
                break;
            default:
                if (code == quote)
                {
                    quoted.Append('\\').Append(quote);
                }
                else if (IsPrintable(text, at, code))
                {
                    quoted.Append(text, at, width);
                }
                else
                {
                    quoted.Append(code switch { < 0x100 => $"\\x{code:x2}", < 0x10000 => $"\\u{code:x4}", _ => $"\\U{code:x8}" });
                }

                break;
        }
    }

    private static bool IsPrintable(string text, int at, int code)
    {
        // The noncharacters U+FDD0 and up are marks of the tokenizer's guard: escaped they would become text.
        if (code is >= ' ' and < 0x7f or >= 0xfdd0 and <= 0xfdef)
        {
            return true;
        }

        return CharUnicodeInfo.GetUnicodeCategory(text, at) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
            or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.SpaceSeparator);
    }

    private static void Write(TemplateValue value, BudgetedText text, int depth)
    {
        RenderBudget.CheckDepth(depth);
        text.Budget.Charge();
        switch (value)
        {
            case NoneValue:
                text.Append("None");
                break;
            case BoolValue b:
                text.Append(b.IsTrue ? "True" : "False");
                break;
            case IntValue i:
                NumberValues.ChargeDigits(i.Number, text.Budget);
                text.Append(i.Number.ToString(CultureInfo.InvariantCulture));
                break;
            case FloatValue f:
                text.Append(FloatText.Repr(f.Number));
                break;
            case StringValue s:
                text.Budget.Allocate(s.Text.Length);
                text.Append(s.IsMarkup ? $"Markup({Quote(s.Text)})" : Quote(s.Text));
                break;
            case SequenceValue items:
                WriteItems(items, text, depth);
                break;
            case DictValue d:
                WriteEntries(d, text, depth);
                break;
            case NamespaceValue n:
                text.Append("<Namespace ");
                WriteEntries(n.Attributes, text, depth + 1);
                text.Append('>');
                break;
            case RangeValue r:
                text.Append(r.Step == 1 ? $"range({r.Start}, {r.Stop})" : $"range({r.Start}, {r.Stop}, {r.Step})");
                break;
            default:
                text.Append(value is UndefinedValue ? "Undefined" : $"<{value.TypeName}>");
                break;
        }
    }

    private static void WriteItems(SequenceValue sequence, BudgetedText text, int depth)
    {
        var (open, close) = sequence switch { ListValue => ("[", "]"), TupleValue => ("(", ")"), _ => (sequence.TypeName + "([", "])") };
        text.Append(open);
        for (var i = 0; i < sequence.Items.Count; i++)
        {
            text.Append(i == 0 ? string.Empty : ", ");
            Write(sequence.Items[i], text, depth + 1);
        }

        text.Append(sequence is TupleValue && sequence.Items.Count == 1 ? "," : string.Empty).Append(close);
    }

    private static void WriteEntries(DictValue dict, BudgetedText text, int depth)
    {
        text.Append('{');
        var first = true;
        foreach (var (key, value) in dict.Entries)
        {
            text.Append(first ? string.Empty : ", ");
            Write(key, text, depth + 1);
            text.Append(": ");
            Write(value, text, depth + 1);
            first = false;
        }

        text.Append('}');
    }
}
