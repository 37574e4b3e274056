using System.Text;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Filters that yield text.</summary>
internal static class TextFilters
{
    private const string UrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~";

    public static IEnumerable<Builtin> All { get; } =
    [
        Map("capitalize s", PythonStrings.Capitalize),
        Map("lower s", PythonStrings.Lower),
        Map("upper s", PythonStrings.Upper),
        Map("title s", Title),
        Map("string s", s => s),
        Builtin.Fixed("trim s chars?", (c, a) => Result(c, a[0]!, PythonStrings.Strip(Text(c, a[0]!), StringMethods.Optional(a, 1)))),
        Builtin.Fixed("replace s old new count?", (c, a) => new StringValue(
            PythonStrings.Replace(Text(c, a[0]!), Text(c, a[1]!), Text(c, a[2]!), StringMethods.Limit(a[3]), c.Budget))),
        Builtin.Fixed("indent s width? first? blank?", Indent),
        Builtin.Fixed("center s width?", (c, a) =>
            MethodTable.Find(StringValue.Empty, "center")!.Invoke(c, new CallArguments([new StringValue(Text(c, a[0]!)), a[1] ?? new IntValue(80)], []))),
        Builtin.Fixed("truncate s length? killwords? end? leeway?", Truncate),
        Builtin.Fixed("wordcount s", (c, a) => new IntValue(WordCount(Text(c, a[0]!)))),
        Builtin.Fixed("safe s", (c, a) => new StringValue(Text(c, a[0]!), isMarkup: true)),
        Builtin.Fixed("escape s", (c, a) => Escape(c, a[0]!, always: false)),
        Builtin.Fixed("e s", (c, a) => Escape(c, a[0]!, always: false)),
        Builtin.Fixed("forceescape s", (c, a) => Escape(c, a[0]!, always: true)),
        Builtin.Fixed("urlencode s", UrlEncode),
        Builtin.Fixed("tojson value ensure_ascii? indent? separators? sort_keys?", ToJson),
        Builtin.Variadic("format", (c, a) => PercentFormat.Format(
            Text(c, a.Positional[0]), a.Named.Count > 0 ? ToDict(a, c) : new TupleValue(a.Skip(1).Positional), c)),
    ];

    /// <summary>The argument as text, as filters take anything: <c>str(value)</c>.</summary>
    private static string Text(RenderContext context, TemplateValue value) => PythonText.Str(value, context.Budget);

    private static Builtin Map(string signature, Func<string, string> map) =>
        Builtin.Fixed(signature, (c, a) => Result(c, a[0]!, map(Text(c, a[0]!))));

    private static StringValue Result(RenderContext context, TemplateValue source, string text)
    {
        context.Budget.Allocate(text.Length);
        return new StringValue(text, source is StringValue { IsMarkup: true });
    }

    private static StringValue Escape(RenderContext context, TemplateValue value, bool always)
    {
        if (value is StringValue { IsMarkup: true } markup && !always)
        {
            return markup;
        }

        var escaped = PythonStrings.EscapeHtml(Text(context, value));
        context.Budget.Allocate(escaped.Length);
        return new StringValue(escaped, isMarkup: true);
    }

    private static DictValue ToDict(CallArguments arguments, RenderContext context)
    {
        if (arguments.Positional.Count > 1)
        {
            throw new TemplateFault("can't handle positional and keyword arguments at the same time");
        }

        var dict = new DictValue(context.Budget);
        foreach (var (name, value) in arguments.Named)
        {
            dict.Set(name, value);
        }

        return dict;
    }

    /// <summary>The filter's rule, unlike the method's: a word begins after a blank, a hyphen or an opening bracket.</summary>
    private static string Title(string text)
    {
        var title = new StringBuilder(text.Length);
        var start = true;
        foreach (var c in text)
        {
            var breaks = CodePoints.IsSpace(c) || c is '-' or '(' or '{' or '[' or '<';
            title.Append(start ? char.ToUpperInvariant(c) : char.ToLowerInvariant(c));
            start = breaks;
        }

        return title.ToString();
    }

    private static StringValue Indent(RenderContext context, TemplateValue?[] a)
    {
        var indent = a[1] is StringValue s ? s.Text : new string(' ', Math.Clamp(a[1] is null ? 4 : NumberValues.ToInt32(a[1]!), 0, 4096));
        var lines = PythonStrings.SplitLines(Text(context, a[0]!) + "\n");
        context.Budget.Charge(lines.Count);
        var text = new BudgetedText(context.Budget);
        for (var i = 0; i < lines.Count; i++)
        {
            text.Append(i == 0 ? string.Empty : "\n");
            var wanted = i == 0 ? a[2]?.IsTrue ?? false : lines[i].Length > 0 || (a[3]?.IsTrue ?? false);
            text.Append(wanted ? indent : string.Empty).Append(lines[i]);
        }

        return text.ToValue();
    }

    private static StringValue Truncate(RenderContext context, TemplateValue?[] a)
    {
        var text = new StringValue(Text(context, a[0]!));
        var length = a[1] is null ? 255 : NumberValues.ToInt32(a[1]!);
        var end = a[3] is null ? new StringValue("...") : new StringValue(Text(context, a[3]!));
        var leeway = a[4] is null or NoneValue ? 5 : NumberValues.ToInt32(a[4]!);
        if (length < end.CodePoints || leeway < 0)
        {
            throw new TemplateFault("truncate needs a length that holds its end, and a leeway of 0 or more");
        }

        if (text.CodePoints <= (long)length + leeway)
        {
            return text;
        }

        var cut = text.Text[..CodePoints.Offset(text, length - end.CodePoints)];
        var blank = a[2]?.IsTrue ?? false ? -1 : cut.LastIndexOf(' ');
        return Result(context, a[0]!, (blank < 0 ? cut : cut[..blank]) + end.Text);
    }

    private static int WordCount(string text)
    {
        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            count += IsWord(text[i]) && (i == 0 || !IsWord(text[i - 1])) ? 1 : 0;
        }

        return count;
    }

    private static bool IsWord(char c) => c == '_' || char.IsLetterOrDigit(c) || char.IsSurrogate(c);

    private static StringValue UrlEncode(RenderContext context, TemplateValue?[] a)
    {
        var text = new BudgetedText(context.Budget);
        if (a[0] is DictValue or ListValue or TupleValue or GeneratorValue)
        {
            var pairs = a[0] is DictValue dict ? dict.Entries.Select(e => (e.Key, e.Value)) : Iteration.Enumerate(a[0]!, context).Select(Pair);
            foreach (var (key, value) in pairs)
            {
                text.Append(text.Length == 0 ? string.Empty : "&");
                Quote(Text(context, key), text, plus: true);
                text.Append('=');
                Quote(Text(context, value), text, plus: true);
            }
        }
        else
        {
            Quote(Text(context, a[0]!), text, plus: false);
        }

        return text.ToValue();
    }

    private static (TemplateValue Key, TemplateValue Value) Pair(TemplateValue item) =>
        item is SequenceValue { Items: [var key, var value] } ? (key, value) : throw new TemplateFault("urlencode needs pairs");

    private static void Quote(string text, BudgetedText into, bool plus)
    {
        foreach (var unit in Encoding.UTF8.GetBytes(text))
        {
            if (UrlSafe.Contains((char)unit, StringComparison.Ordinal) || (unit == '/' && !plus))
            {
                into.Append((char)unit);
            }
            else
            {
                into.Append(plus && unit == ' ' ? "+" : $"%{unit:X2}");
            }
        }
    }

    private static StringValue ToJson(RenderContext context, TemplateValue?[] a)
    {
        var indent = a[2] switch
        {
            null or NoneValue => null,
            StringValue s => s.Text,
            var width => new string(' ', Math.Clamp(NumberValues.ToInt32(width), 0, 4096)),
        };
        var (item, key) = a[3] switch
        {
            null or NoneValue => (indent is null ? ", " : ",", ": "),
            SequenceValue { Items: [StringValue i, StringValue k] } => (i.Text, k.Text),
            _ => throw new TemplateFault("separators must be a pair of strings"),
        };
        var text = new BudgetedText(context.Budget);
        new JsonText(text, new JsonTextOptions(indent, item, key, a[1]?.IsTrue ?? false, a[4]?.IsTrue ?? false)).Write(a[0]!);
        return text.ToValue();
    }
}
