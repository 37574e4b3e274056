using System.Globalization;
using System.Numerics;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Doubles in decimal with a given number of digits, rounded half to even from their exact value as Python does.</summary>
internal static class DecimalText
{
    /// <summary>Digits after the point; a double has no more than 1,074 that are not zero.</summary>
    private const int MaxDigits = 1100;

    /// <summary><c>%.*f</c> of a number without sign.</summary>
    public static string Fixed(double number, int digits)
    {
        if (!double.IsFinite(number))
        {
            return FloatText.Repr(number);
        }

        if (digits > MaxDigits)
        {
            return Fixed(number, MaxDigits) + new string('0', digits - MaxDigits);
        }

        var text = Scaled(number, digits).ToString(CultureInfo.InvariantCulture).PadLeft(digits + 1, '0');
        return digits == 0 ? text : text[..^digits] + "." + text[^digits..];
    }

    /// <summary><c>%.*e</c> of a number without sign.</summary>
    public static string Exponent(double number, int digits)
    {
        if (!double.IsFinite(number))
        {
            return FloatText.Repr(number);
        }

        var (mantissa, exponent) = Significant(number, digits + 1);
        var point = digits == 0 ? mantissa : mantissa[..1] + "." + mantissa[1..];
        return $"{point}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture)}";
    }

    /// <summary><c>%.*g</c> of a number without sign.</summary>
    public static string General(double number, int digits, bool keepZeros)
    {
        if (!double.IsFinite(number))
        {
            return FloatText.Repr(number);
        }

        digits = Math.Max(1, digits);
        var exponent = number == 0 ? 0 : Significant(number, digits).Exponent;
        if (exponent < -4 || exponent >= digits)
        {
            var text = Exponent(number, digits - 1);
            var e = text.IndexOf('e', StringComparison.Ordinal);
            return keepZeros ? text : TrimZeros(text[..e]) + text[e..];
        }

        var plain = Fixed(number, digits - 1 - exponent);
        return keepZeros ? plain : TrimZeros(plain);
    }

    /// <summary>Python's <c>round(number, digits)</c>.</summary>
    public static double Round(double number, int digits)
    {
        if (!double.IsFinite(number) || digits > 330 || digits < -330)
        {
            return digits < -330 && double.IsFinite(number) ? 0 : number;
        }

        var scaled = Scaled(Math.Abs(number), digits).ToString(CultureInfo.InvariantCulture);
        return Math.CopySign(double.Parse($"{scaled}e{-digits}", NumberStyles.Float, CultureInfo.InvariantCulture), number);
    }

    /// <summary>number × 10^digits as an integer, rounded half to even.</summary>
    private static BigInteger Scaled(double number, int digits)
    {
        var bits = BitConverter.DoubleToInt64Bits(number);
        var exponent = (int)((bits >> 52) & 0x7ff);
        BigInteger top = (bits & 0xfffffffffffff) | (exponent == 0 ? 0 : 1L << 52);
        var shift = Math.Max(exponent, 1) - 1075;
        var bottom = BigInteger.One;
        top *= BigInteger.Pow(10, Math.Max(0, digits)) << Math.Max(0, shift);
        bottom *= BigInteger.Pow(10, Math.Max(0, -digits)) << Math.Max(0, -shift);
        var quotient = BigInteger.DivRem(top, bottom, out var remainder);
        var half = (remainder << 1).CompareTo(bottom);
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    private static (string Digits, int Exponent) Significant(double number, int digits)
    {
        if (number == 0)
        {
            return (new string('0', digits), 0);
        }

        var exponent = (int)Math.Floor(Math.Log10(number));
        var text = Scaled(number, digits - 1 - exponent).ToString(CultureInfo.InvariantCulture);
        if (text.Length != digits)
        {
            // The logarithm was off by one, or rounding carried into another digit.
            exponent += text.Length > digits ? 1 : -1;
            text = Scaled(number, digits - 1 - exponent).ToString(CultureInfo.InvariantCulture);
        }

        return (text, exponent);
    }

    private static string TrimZeros(string text) => text.Contains('.', StringComparison.Ordinal) ? text.TrimEnd('0').TrimEnd('.') : text;
}
