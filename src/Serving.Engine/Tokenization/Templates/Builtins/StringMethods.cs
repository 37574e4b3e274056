using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Methods of strings that yield strings, lists or positions.</summary>
internal static class StringMethods
{
    public static IEnumerable<Builtin> All { get; } =
    [
        Map("capitalize self", PythonStrings.Capitalize),
        Map("casefold self", s => PythonStrings.Lower(s.Replace("ß", "ss", StringComparison.Ordinal))),
        Map("lower self", PythonStrings.Lower),
        Map("swapcase self", PythonStrings.SwapCase),
        Map("title self", PythonStrings.Title),
        Map("upper self", PythonStrings.Upper),
        Builtin.Fixed("strip self chars?", (c, a) => Keep(a, c, PythonStrings.Strip(Text(a, 0), Optional(a, 1)))),
        Builtin.Fixed("lstrip self chars?", (c, a) => Keep(a, c, PythonStrings.Strip(Text(a, 0), Optional(a, 1), right: false))),
        Builtin.Fixed("rstrip self chars?", (c, a) => Keep(a, c, PythonStrings.Strip(Text(a, 0), Optional(a, 1), left: false))),
        Builtin.Fixed("removeprefix self prefix", (c, a) =>
            Keep(a, c, Text(a, 0).StartsWith(Text(a, 1), StringComparison.Ordinal) ? Text(a, 0)[Text(a, 1).Length..] : Text(a, 0))),
        Builtin.Fixed("removesuffix self suffix", (c, a) =>
            Keep(a, c, Text(a, 0).EndsWith(Text(a, 1), StringComparison.Ordinal) ? Text(a, 0)[..^Text(a, 1).Length] : Text(a, 0))),
        Builtin.Fixed("replace self old new count?", (c, a) =>
            new StringValue(PythonStrings.Replace(Text(a, 0), Text(a, 1), Text(a, 2), Limit(a[3]), c.Budget))),
        Builtin.Fixed("split self sep? maxsplit?", (c, a) => Parts(c, a, PythonStrings.Split)),
        Builtin.Fixed("rsplit self sep? maxsplit?", (c, a) => Parts(c, a, PythonStrings.SplitRight)),
        Builtin.Fixed("splitlines self keepends?", (c, a) => List(c, Text(a, 0), PythonStrings.SplitLines(Text(a, 0), a[1]?.IsTrue ?? false))),
        Builtin.Fixed("partition self sep", (c, a) => Partition(c, a, fromRight: false)),
        Builtin.Fixed("rpartition self sep", (c, a) => Partition(c, a, fromRight: true)),
        Builtin.Fixed("join self items", (c, a) => Join(Text(a, 0), a[1]!, c)),
        Builtin.Fixed("center self width fillchar?", (c, a) => Pad(c, a, both: true, left: true)),
        Builtin.Fixed("ljust self width fillchar?", (c, a) => Pad(c, a, both: false, left: false)),
        Builtin.Fixed("rjust self width fillchar?", (c, a) => Pad(c, a, both: false, left: true)),
        Builtin.Fixed("zfill self width", ZeroFill),
        Builtin.Fixed("expandtabs self tabsize?", ExpandTabs),
        Builtin.Variadic("format", (c, a) => BraceFormat.Format(((StringValue)a.Positional[0]).Text, a.Skip(1), c)),
        Builtin.Fixed("format_map self mapping", (c, a) => BraceFormat.Format(Text(a, 0), CallArguments.Empty, c, a[1])),
    ];

    /// <summary>The text of an argument; faults when it is no string.</summary>
    public static string Text(TemplateValue?[] a, int at) => a[at] switch
    {
        StringValue s => s.Text,
        UndefinedValue u => throw u.Fault(),
        { } other => throw new TemplateFault($"a string is expected, not '{other.TypeName}'"),
        null => throw new TemplateFault("a string is expected"),
    };

    /// <summary>Like <see cref="Text"/>, but null for a missing argument or <c>None</c>.</summary>
    public static string? Optional(TemplateValue?[] a, int at) => a[at] is null or NoneValue ? null : Text(a, at);

    /// <summary>A count or limit: no limit (-1) when it is missing.</summary>
    public static int Limit(TemplateValue? count) => count is null or NoneValue ? -1 : Math.Max(-1, NumberValues.ToInt32(count));

    private static Builtin Map(string signature, Func<string, string> map) =>
        Builtin.Fixed(signature, (c, a) => Keep(a, c, map(Text(a, 0))));

    private static StringValue Keep(TemplateValue?[] a, RenderContext context, string text)
    {
        context.Budget.Allocate(text.Length);
        return new StringValue(text, ((StringValue)a[0]!).IsMarkup);
    }

    private static ListValue Parts(RenderContext context, TemplateValue?[] a, Func<string, string?, int, List<string>> split)
    {
        var separator = Optional(a, 1);
        context.Budget.ChargeSearch(Text(a, 0).Length, separator?.Length ?? 0);
        return separator is { Length: 0 }
            ? throw new TemplateFault("empty separator")
            : List(context, Text(a, 0), split(Text(a, 0), separator, Limit(a[2])));
    }

    private static ListValue List(RenderContext context, string source, List<string> parts)
    {
        context.Budget.Grow(source.Length);
        context.Budget.Charge(parts.Count);
        return new ListValue(parts.ConvertAll(TemplateValue (p) => new StringValue(p)));
    }

    private static TupleValue Partition(RenderContext context, TemplateValue?[] a, bool fromRight)
    {
        var (text, separator) = (Text(a, 0), Text(a, 1));
        context.Budget.ChargeSearch(text.Length, separator.Length);
        context.Budget.Grow(text.Length);
        if (separator.Length == 0)
        {
            throw new TemplateFault("empty separator");
        }

        var at = fromRight ? text.LastIndexOf(separator, StringComparison.Ordinal) : text.IndexOf(separator, StringComparison.Ordinal);
        string[] parts = at >= 0
            ? [text[..at], separator, text[(at + separator.Length)..]]
            : fromRight ? [string.Empty, string.Empty, text] : [text, string.Empty, string.Empty];
        return new TupleValue(Array.ConvertAll(parts, TemplateValue (p) => new StringValue(p)));
    }

    private static StringValue Join(string separator, TemplateValue items, RenderContext context)
    {
        var text = new BudgetedText(context.Budget);
        var first = true;
        foreach (var item in Iteration.Enumerate(items, context))
        {
            text.Append(first ? string.Empty : separator).Append(Text([item], 0));
            first = false;
        }

        return text.ToValue();
    }

    private static StringValue Pad(RenderContext context, TemplateValue?[] a, bool both, bool left)
    {
        var self = (StringValue)a[0]!;
        var missing = Math.Max(0, NumberValues.ToInt32(a[1]!) - self.CodePoints);
        var fill = a[2] is null ? " " : Text(a, 2);
        if (CodePoints.Count(fill) != 1)
        {
            throw new TemplateFault("the fill character must be exactly one character long");
        }

        // CPython puts the odd blank of center() on the left when the width is odd too.
        var before = both ? (missing / 2) + (missing & (self.CodePoints + missing) & 1) : left ? missing : 0;
        context.Budget.Allocate(self.Text.Length + ((long)missing * fill.Length));
        return new StringValue(Repeat(fill, before) + self.Text + Repeat(fill, missing - before), self.IsMarkup);
    }

    private static string Repeat(string fill, int count) => string.Concat(Enumerable.Repeat(fill, count));

    private static StringValue ZeroFill(RenderContext context, TemplateValue?[] a)
    {
        var text = Text(a, 0);
        var missing = Math.Max(0, NumberValues.ToInt32(a[1]!) - ((StringValue)a[0]!).CodePoints);
        context.Budget.Allocate(text.Length + (long)missing);
        var sign = text.Length > 0 && text[0] is '+' or '-' ? 1 : 0;
        return new StringValue(text.Insert(sign, new string('0', missing)));
    }

    private static StringValue ExpandTabs(RenderContext context, TemplateValue?[] a)
    {
        var size = a[1] is null ? 8 : Math.Max(0, NumberValues.ToInt32(a[1]!));
        var text = new BudgetedText(context.Budget);
        var column = 0;
        foreach (var point in CodePoints.Enumerate(Text(a, 0)))
        {
            if (point == "\t")
            {
                var blanks = size == 0 ? 0 : size - (column % size);
                text.Append(' ', blanks);
                column += blanks;
            }
            else
            {
                text.Append(point);
                column = point is "\n" or "\r" ? 0 : column + 1;
            }
        }

        return text.ToValue();
    }
}
