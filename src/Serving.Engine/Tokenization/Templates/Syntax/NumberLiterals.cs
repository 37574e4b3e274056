using System.Globalization;
using System.Numerics;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>The values of number tokens.</summary>
internal static class NumberLiterals
{
    /// <summary>More digits than <see cref="IntValue.MaxBits"/> hold; parsing time grows with their square.</summary>
    private const int MaxDigits = IntValue.MaxBits / 3;

    public static TemplateValue Parse(SyntaxToken token)
    {
        try
        {
            return token.Kind == TokenKind.Float
                ? new FloatValue(double.Parse(token.Text, NumberStyles.Float, CultureInfo.InvariantCulture))
                : IntValue.Of(ParseInteger(token.Text));
        }
        catch (TemplateFault fault) when (fault.Offset < 0)
        {
            throw new TemplateFault(fault.Message) { Offset = token.Offset };
        }
    }

    /// <summary>An integer with Python's prefixes 0x, 0o and 0b.</summary>
    public static BigInteger ParseInteger(string text)
    {
        if (text.Length > MaxDigits)
        {
            throw new TemplateFault($"an integer has more than {MaxDigits} digits");
        }

        var radix = text.Length > 2 ? char.ToLowerInvariant(text[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 } : 10;
        if (radix == 10)
        {
            return BigInteger.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
        }

        var number = BigInteger.Zero;
        foreach (var digit in text.AsSpan(2))
        {
            number = (number * radix) + Convert.ToInt32(digit.ToString(), 16);
        }

        return number;
    }
}
