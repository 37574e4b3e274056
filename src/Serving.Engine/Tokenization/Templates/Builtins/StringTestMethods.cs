using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Methods of strings that search them or ask what they are made of.</summary>
internal static class StringTestMethods
{
    public static IEnumerable<Builtin> All { get; } =
    [
        Builtin.Fixed("startswith self prefix start? end?", (c, a) => Affix(c, a, (s, p) => s.StartsWith(p, StringComparison.Ordinal))),
        Builtin.Fixed("endswith self suffix start? end?", (c, a) => Affix(c, a, (s, p) => s.EndsWith(p, StringComparison.Ordinal))),
        Builtin.Fixed("count self sub start? end?", Count),
        Builtin.Fixed("find self sub start? end?", (c, a) => new IntValue(Find(c, a, fromRight: false))),
        Builtin.Fixed("rfind self sub start? end?", (c, a) => new IntValue(Find(c, a, fromRight: true))),
        Builtin.Fixed("index self sub start? end?", (c, a) => Index(c, a, fromRight: false)),
        Builtin.Fixed("rindex self sub start? end?", (c, a) => Index(c, a, fromRight: true)),
        Every("isalpha self", char.IsLetter),
        Every("isdigit self", c => char.IsDigit(c) || IsDigitForm(c)),
        Every("isdecimal self", char.IsDigit),
        Every("isnumeric self", char.IsNumber),
        Every("isalnum self", c => char.IsLetter(c) || char.IsNumber(c)),
        Every("isspace self", CodePoints.IsSpace),
        Every("isprintable self", c => !char.IsControl(c) && (c == ' ' || !CodePoints.IsSpace(c)), ofEmpty: true),
        Every("isascii self", char.IsAscii, ofEmpty: true),
        Ask("isupper self", s => s.Any(char.IsUpper) && !s.Any(char.IsLower)),
        Ask("islower self", s => s.Any(char.IsLower) && !s.Any(char.IsUpper)),
        Ask("istitle self", s => s.Any(char.IsLetter) && s == PythonStrings.Title(s)),
        Ask("isidentifier self", s => s.Length > 0 && !char.IsDigit(s[0]) && s.All(c => c == '_' || char.IsLetterOrDigit(c))),
    ];

    /// <summary>Superscripts and circled digits, which are digits without being decimal; fractions are numbers only.</summary>
    private static bool IsDigitForm(char c) =>
        char.GetUnicodeCategory(c) == System.Globalization.UnicodeCategory.OtherNumber && char.GetNumericValue(c) is var value and >= 0 and <= 9 && value % 1 == 0;

    private static Builtin Ask(string signature, Func<string, bool> ask) =>
        Builtin.Fixed(signature, (_, a) => BoolValue.Of(ask(StringMethods.Text(a, 0))));

    private static Builtin Every(string signature, Func<char, bool> holds, bool ofEmpty = false) =>
        Ask(signature, s => s.Length == 0 ? ofEmpty : s.All(holds));

    /// <summary>The part of the string that the optional bounds name, in UTF-16 units.</summary>
    private static (int From, int To) Bounds(TemplateValue?[] a)
    {
        var self = (StringValue)a[0]!;
        var (start, stop) = SliceBounds.Clip(a[2], a[3], self.CodePoints);
        return (CodePoints.Offset(self, start), CodePoints.Offset(self, stop));
    }

    private static BoolValue Affix(RenderContext context, TemplateValue?[] a, Func<string, string, bool> test)
    {
        var text = StringMethods.Text(a, 0);
        if (a[2] is not null || a[3] is not null)
        {
            var (from, to) = Bounds(a);
            text = to < from ? string.Empty : text[from..to];
        }

        if (a[1] is TupleValue choices)
        {
            context.Budget.Charge(choices.Items.Count);
            return BoolValue.Of(choices.Items.Any(c => test(text, StringMethods.Text([c], 0))));
        }

        return BoolValue.Of(test(text, StringMethods.Text(a, 1)));
    }

    private static IntValue Count(RenderContext context, TemplateValue?[] a)
    {
        var (text, sub) = (StringMethods.Text(a, 0), StringMethods.Text(a, 1));
        context.Budget.ChargeSearch(text.Length, sub.Length);
        var (from, to) = Bounds(a);
        if (sub.Length == 0)
        {
            return new IntValue(to < from ? 0 : CodePoints.Count(text[from..to]) + 1);
        }

        var count = 0;
        for (int hit; from <= to && (hit = text.IndexOf(sub, from, to - from, StringComparison.Ordinal)) >= 0; from = hit + sub.Length)
        {
            count++;
        }

        return new IntValue(count);
    }

    private static int Find(RenderContext context, TemplateValue?[] a, bool fromRight)
    {
        var (self, sub) = ((StringValue)a[0]!, StringMethods.Text(a, 1));
        context.Budget.ChargeSearch(self.Text.Length, sub.Length);
        var (from, to) = Bounds(a);
        if (to < from)
        {
            return -1;
        }

        var part = self.Text.AsSpan(from, to - from);
        var hit = fromRight ? part.LastIndexOf(sub) : part.IndexOf(sub);
        return hit < 0 ? -1 : CodePoints.IndexOf(self, from + hit);
    }

    private static IntValue Index(RenderContext context, TemplateValue?[] a, bool fromRight) =>
        Find(context, a, fromRight) is var at and >= 0 ? new IntValue(at) : throw new TemplateFault("substring not found");
}
