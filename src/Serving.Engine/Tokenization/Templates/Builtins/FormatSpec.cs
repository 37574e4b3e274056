using System.Globalization;
using System.Numerics;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>How a value is laid out in a field: of <c>'{:&gt;8.2f}'.format</c> and of <c>'%8.2f' %</c>.</summary>
internal sealed record FormatSpec
{
    public char Fill { get; init; } = ' ';

    /// <summary>'&lt;', '&gt;', '^' or '=', or '\0' for the type's own.</summary>
    public char Align { get; init; }

    /// <summary>'+', ' ' or '-'.</summary>
    public char Sign { get; init; } = '-';

    public bool Alternate { get; init; }

    public int Width { get; init; }

    /// <summary>',' or '_', or '\0' for none.</summary>
    public char Grouping { get; init; }

    /// <summary>Digits after the point, or characters of a string; -1 for the type's own.</summary>
    public int Precision { get; init; } = -1;

    /// <summary>The type's letter, or '\0'.</summary>
    public char Type { get; init; }

    /// <summary>Digits and widths that a template may ask for; anything longer is an attack on memory.</summary>
    private const int MaxSize = 4096;

    /// <summary>Reads <c>[[fill]align][sign][#][0][width][,][.precision][type]</c>.</summary>
    public static FormatSpec Parse(string text)
    {
        var at = 0;
        var spec = new FormatSpec();
        if (text.Length > 1 && text[1] is '<' or '>' or '^' or '=')
        {
            spec = spec with { Fill = text[0], Align = text[1] };
            at = 2;
        }
        else if (text.Length > 0 && text[0] is '<' or '>' or '^' or '=')
        {
            spec = spec with { Align = text[at++] };
        }

        char Peek() => at < text.Length ? text[at] : '\0';
        spec = Peek() is '+' or '-' or ' ' ? spec with { Sign = text[at++] } : spec;
        spec = Peek() == '#' ? spec with { Alternate = at++ >= 0 } : spec;
        if (Peek() == '0')
        {
            at++;
            spec = spec with { Fill = spec.Align == '\0' ? '0' : spec.Fill, Align = spec.Align == '\0' ? '=' : spec.Align };
        }

        spec = spec with { Width = ReadSize(text, ref at, 0) };
        spec = Peek() is ',' or '_' ? spec with { Grouping = text[at++] } : spec;
        if (Peek() == '.')
        {
            at++;
            spec = spec with { Precision = ReadSize(text, ref at, -1) };
        }

        spec = Peek() != '\0' ? spec with { Type = text[at++] } : spec;
        return at == text.Length ? spec : throw new TemplateFault("invalid format specifier");
    }

    /// <summary>Reads a width or a precision.</summary>
    public static int ReadSize(string text, ref int at, int missing)
    {
        var start = at;
        var size = 0;
        for (; at < text.Length && char.IsAsciiDigit(text[at]); at++)
        {
            size = (size * 10) + (text[at] - '0');
            if (size > MaxSize)
            {
                throw new TemplateFault($"a format asks for more than {MaxSize} characters");
            }
        }

        return at == start ? missing : size;
    }

    /// <summary>Formats a value by its type.</summary>
    public string Apply(TemplateValue value, RenderBudget budget)
    {
        if (NumberValues.IsNumber(value) && (value is not BoolValue || Type != '\0') && Type != 's')
        {
            budget.Charge(8 + (Math.Max(0, Precision) / 4));
            NumberValues.ChargeDigits(value is IntValue i ? i.Number : 0, budget);
            var (negative, prefix, digits) = Number(value);
            var sign = negative ? "-" : Sign == '-' ? string.Empty : Sign.ToString();
            return Pad(sign + prefix, digits, '>');
        }

        if (Type is not ('\0' or 's'))
        {
            throw new TemplateFault($"unknown format code '{Type}' for object of type '{value.TypeName}'");
        }

        var text = new StringValue(PythonText.Str(value, budget));
        var cut = Precision >= 0 ? text.Text[..CodePoints.Offset(text, Precision)] : text.Text;
        return Pad(string.Empty, cut, '<');
    }

    private (bool Negative, string Prefix, string Digits) Number(TemplateValue value)
    {
        var type = Type == '\0' ? (value is FloatValue ? 'r' : 'd') : Type;
        if (type is 'd' or 'x' or 'X' or 'o' or 'b' or 'c' or 'n')
        {
            if (!NumberValues.TryInteger(value, out var number))
            {
                throw new TemplateFault($"unknown format code '{type}' for object of type 'float'");
            }

            return Integer(number, type);
        }

        var real = NumberValues.ToDouble(value) * (type == '%' ? 100 : 1);
        var digits = type switch
        {
            'r' => Precision < 0 ? FloatText.Repr(Math.Abs(real)) : DecimalText.General(Math.Abs(real), Precision, Alternate),
            'f' or 'F' or '%' => DecimalText.Fixed(Math.Abs(real), Precision < 0 ? 6 : Precision) + (type == '%' ? "%" : string.Empty),
            'e' or 'E' => DecimalText.Exponent(Math.Abs(real), Precision < 0 ? 6 : Precision),
            'g' or 'G' => DecimalText.General(Math.Abs(real), Precision < 0 ? 6 : Precision, Alternate),
            _ => throw new TemplateFault($"unknown format code '{type}'"),
        };
        return (double.IsNegative(real), string.Empty, Group(char.IsUpper(type) ? digits.ToUpperInvariant() : digits, 3));
    }

    private (bool Negative, string Prefix, string Digits) Integer(BigInteger number, char type)
    {
        var magnitude = BigInteger.Abs(number);
        var digits = type switch
        {
            'x' or 'X' => Radix(magnitude, 16),
            'o' => Radix(magnitude, 8),
            'b' => Radix(magnitude, 2),
            'c' => number >= 0 && number <= 0x10ffff && !(number >= 0xd800 && number <= 0xdfff)
                ? char.ConvertFromUtf32((int)number)
                : throw new TemplateFault("%c arg not in range(0x110000)"),
            _ => magnitude.ToString(CultureInfo.InvariantCulture),
        };
        digits = type == 'X' ? digits.ToUpperInvariant() : digits;
        digits = digits.PadLeft(type is 'd' or 'x' or 'X' or 'o' ? Math.Max(0, Precision) : 0, '0');
        var prefix = Alternate && type is 'x' or 'X' or 'o' or 'b' && Alternate ? "0" + type : string.Empty;
        return (number.Sign < 0 && type != 'c', prefix, type == 'c' ? digits : Group(digits, type is 'd' or 'n' ? 3 : 4));
    }

    private static string Radix(BigInteger number, int radix)
    {
        if (number.IsZero)
        {
            return "0";
        }

        var digits = new Stack<char>();
        for (; !number.IsZero; number /= radix)
        {
            digits.Push("0123456789abcdef"[(int)(number % radix)]);
        }

        return new string([.. digits]);
    }

    private string Group(string digits, int size)
    {
        if (Grouping == '\0')
        {
            return digits;
        }

        var whole = digits.AsSpan().IndexOfAnyExceptInRange('0', 'f') is var end and >= 0 ? end : digits.Length;
        for (var at = whole - size; at > 0; at -= size)
        {
            digits = digits.Insert(at, Grouping.ToString());
        }

        return digits;
    }

    private string Pad(string sign, string body, char ownAlign)
    {
        var missing = Width - CodePoints.Count(sign) - CodePoints.Count(body);
        if (missing <= 0)
        {
            return sign + body;
        }

        var align = Align == '\0' ? ownAlign : Align;
        var before = align switch { '<' => 0, '^' => missing / 2, _ => missing };
        var (left, right) = (new string(Fill, before), new string(Fill, missing - before));
        return align == '=' ? sign + left + body : left + sign + body + right;
    }
}
