using System.Globalization;

namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>Python's repr of a float: the shortest digits that read back, an exponent from 1e16 up and below 1e-4.</summary>
internal static class FloatText
{
    public static string Repr(double number)
    {
        if (double.IsNaN(number))
        {
            return "nan";
        }

        if (double.IsInfinity(number))
        {
            return number > 0 ? "inf" : "-inf";
        }

        var (digits, exponent) = Shortest(number);
        var sign = double.IsNegative(number) ? "-" : string.Empty;
        if (exponent is < -4 or >= 16)
        {
            var fraction = digits.Length > 1 ? "." + digits[1..] : string.Empty;
            return $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture)}";
        }

        if (exponent < 0)
        {
            return sign + "0." + new string('0', -exponent - 1) + digits;
        }

        return digits.Length <= exponent + 1
            ? sign + digits.PadRight(exponent + 1, '0') + ".0"
            : sign + digits[..(exponent + 1)] + "." + digits[(exponent + 1)..];
    }

    /// <summary>The shortest round-trip digits, without trailing zeros, and the decimal exponent of the first.</summary>
    private static (string Digits, int Exponent) Shortest(double number)
    {
        if (number == 0)
        {
            return ("0", 0);
        }

        // "E16" rounds to 17 digits; "R" is the shortest, in either notation.
        var text = Math.Abs(number).ToString("R", CultureInfo.InvariantCulture);
        var e = text.IndexOf('E', StringComparison.Ordinal);
        var exponent = e < 0 ? 0 : int.Parse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var mantissa = e < 0 ? text : text[..e];
        var point = mantissa.IndexOf('.', StringComparison.Ordinal);
        var whole = point < 0 ? mantissa.Length : point;
        var all = point < 0 ? mantissa : mantissa.Remove(point, 1);
        var digits = all.TrimStart('0');
        exponent += whole - 1 - (all.Length - digits.Length);
        return (digits.TrimEnd('0'), exponent);
    }
}
