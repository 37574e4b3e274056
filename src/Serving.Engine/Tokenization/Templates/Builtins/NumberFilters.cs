using System.Globalization;
using System.Numerics;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Filters that yield numbers.</summary>
internal static class NumberFilters
{
    /// <summary>Digits of a number that is read from text.</summary>
    private const int MaxDigits = 1200;

    public static IEnumerable<Builtin> All { get; } =
    [
        Builtin.Fixed("abs x", (_, a) => Abs(a[0]!)),
        Builtin.Fixed("int value default? base?", (c, a) => ToInt(a[0]!, a[2] is null ? 10 : NumberValues.ToInt32(a[2]!), c) ?? a[1] ?? new IntValue(0)),
        Builtin.Fixed("float value default?", (_, a) => ToFloat(a[0]!) ?? a[1] ?? new FloatValue(0)),
        Builtin.Fixed("round value precision? method?", Round),
        Builtin.Fixed("sum items attribute? start?", Sum),
        Builtin.Fixed("count value", Length),
        Builtin.Fixed("length value", Length),
    ];

    private static TemplateValue Length(RenderContext context, TemplateValue?[] a) => Iteration.Length(a[0]!) is { } length
        ? new IntValue(length)
        : throw new TemplateFault($"object of type '{a[0]!.TypeName}' has no len()");

    private static TemplateValue Abs(TemplateValue value) => value switch
    {
        FloatValue f => new FloatValue(Math.Abs(f.Number)),
        IntValue or BoolValue => new IntValue(BigInteger.Abs(NumberValues.Truncate(value))),
        UndefinedValue u => throw u.Fault(),
        _ => throw new TemplateFault($"bad operand type for abs(): '{value.TypeName}'"),
    };

    private static TemplateValue? ToInt(TemplateValue value, int radix, RenderContext context)
    {
        if (NumberValues.TryInteger(value, out var integer))
        {
            return new IntValue(integer);
        }

        context.Budget.Charge(value is StringValue { Text.Length: < MaxDigits } digits ? digits.Text.Length / (radix == 10 ? 16 : 1) : 0);
        if (value is StringValue s && ParseInteger(s.Text, radix) is { } parsed)
        {
            return IntValue.Of(parsed);
        }

        return ToFloat(value) is { } number && double.IsFinite(number.Number) ? new IntValue(new BigInteger(number.Number)) : null;
    }

    /// <summary>Python's <c>int(text, radix)</c>: blanks around, a sign, underscores between digits, and the prefix of the radix.</summary>
    private static BigInteger? ParseInteger(string text, int radix)
    {
        text = PythonStrings.Strip(text, null);
        var negative = text.StartsWith('-');
        text = text.StartsWith('-') || text.StartsWith('+') ? text[1..] : text;
        var marked = text.Length > 2 && text[0] == '0' ? char.ToLowerInvariant(text[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        if (marked != 0 && (radix == marked || radix == 0))
        {
            radix = marked;
            text = text[2..];
        }

        radix = radix == 0 ? 10 : radix;
        if (text.Length is 0 or > MaxDigits || radix is < 2 or > 36
            || !char.IsAsciiLetterOrDigit(text[0]) || !char.IsAsciiLetterOrDigit(text[^1]) || text.Contains("__", StringComparison.Ordinal))
        {
            return null;
        }

        text = text.Replace("_", string.Empty, StringComparison.Ordinal);
        if (radix == 10)
        {
            return BigInteger.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? (negative ? -parsed : parsed) : null;
        }

        var number = BigInteger.Zero;
        foreach (var c in text)
        {
            var digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : 36;
            if (digit >= radix)
            {
                return null;
            }

            number = (number * radix) + digit;
        }

        return negative ? -number : number;
    }

    private static FloatValue? ToFloat(TemplateValue value)
    {
        if (NumberValues.IsNumber(value))
        {
            return new FloatValue(NumberValues.ToDouble(value));
        }

        if (value is not StringValue s)
        {
            return value is UndefinedValue u ? throw u.Fault() : null;
        }

        var text = PythonStrings.Strip(s.Text, null);
        var sign = text.StartsWith('-') ? -1.0 : 1.0;
        switch (text.TrimStart('+', '-').ToLowerInvariant())
        {
            case "inf" or "infinity":
                return new FloatValue(sign * double.PositiveInfinity);
            case "nan":
                return new FloatValue(double.NaN);
        }

        return text.Length < MaxDigits && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            ? new FloatValue(number)
            : null;
    }

    private static TemplateValue Round(RenderContext context, TemplateValue?[] a)
    {
        var method = a[2] is null ? "common" : StringMethods.Text(a, 2);
        var digits = a[1] is null ? 0 : Math.Clamp(NumberValues.ToInt32(a[1]!), -1000, 1000);
        if (!NumberValues.IsNumber(a[0]!))
        {
            throw new TemplateFault($"type {a[0]!.TypeName} cannot be rounded");
        }

        context.Budget.Charge(8);
        switch (method)
        {
            case "common" when a[0] is FloatValue f:
                return new FloatValue(DecimalText.Round(f.Number, digits));
            case "common":
                return digits >= 0 ? new IntValue(NumberValues.Truncate(a[0]!)) : new IntValue(RoundInteger(NumberValues.Truncate(a[0]!), -digits));
            case "ceil" or "floor":
                var scale = Math.Pow(10, digits);
                var scaled = NumberValues.ToDouble(a[0]!) * scale;
                return new FloatValue((method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled)) / scale);
            default:
                throw new TemplateFault("method must be common, ceil or floor");
        }
    }

    private static BigInteger RoundInteger(BigInteger number, int zeros)
    {
        var unit = BigInteger.Pow(10, zeros);
        var quotient = BigInteger.DivRem(BigInteger.Abs(number), unit, out var rest);
        var half = (rest << 1).CompareTo(unit);
        quotient += half > 0 || (half == 0 && !quotient.IsEven) ? 1 : 0;
        return quotient * unit * number.Sign;
    }

    private static TemplateValue Sum(RenderContext context, TemplateValue?[] a)
    {
        var read = MemberAccess.Path(a[1], context);
        var sum = a[2] ?? new IntValue(0);
        foreach (var item in Iteration.Enumerate(a[0]!, context))
        {
            sum = Arithmetic.Apply("+", sum, read(item), context);
        }

        return sum;
    }
}
