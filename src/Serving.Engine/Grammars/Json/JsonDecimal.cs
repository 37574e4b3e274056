using System.Globalization;
using System.Numerics;

namespace Serving.Engine.Grammars.Json;

/// <summary>A JSON number, exactly: sign, digits before the point without leading zeros, digits behind it without trailing ones.</summary>
/// <param name="IsNegative">Below zero.</param>
/// <param name="Whole">Digits before the point; "0" if there are none.</param>
/// <param name="Fraction">Digits behind the point; may be empty.</param>
public sealed record JsonDecimal(bool IsNegative, string Whole, string Fraction)
{
    /// <summary>Most digits that an exponent may move the point by.</summary>
    public const int MaxShift = 400;

    /// <summary>Zero.</summary>
    public static JsonDecimal Zero { get; } = new(false, "0", string.Empty);

    /// <summary>Whether it is zero.</summary>
    public bool IsZero => Whole == "0" && Fraction.Length == 0;

    /// <summary>Whether it has no fraction.</summary>
    public bool IsInteger => Fraction.Length == 0;

    /// <summary>Reads a number as it stands in a JSON text.</summary>
    /// <param name="text">The number.</param>
    /// <returns>Null when its exponent is beyond <see cref="MaxShift"/>.</returns>
    public static JsonDecimal? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var exponentAt = text.IndexOfAny(['e', 'E']);
        var mantissa = (exponentAt < 0 ? text : text[..exponentAt]).TrimStart('-');
        var exponent = 0;
        if (exponentAt >= 0 && (!int.TryParse(text.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent) || Math.Abs(exponent) > MaxShift))
        {
            return mantissa.All(c => c is '0' or '.') ? Zero : null;
        }

        var point = mantissa.IndexOf('.', StringComparison.Ordinal);
        var digits = mantissa.Replace(".", string.Empty, StringComparison.Ordinal);
        var whole = (point < 0 ? mantissa.Length : point) + exponent;
        digits = whole < 0 ? new string('0', -whole) + digits : digits.PadRight(whole, '0');
        whole = Math.Max(whole, 0);
        var before = digits[..whole].TrimStart('0');
        var result = new JsonDecimal(text[0] == '-', before.Length == 0 ? "0" : before, digits[whole..].TrimEnd('0'));
        return result.IsZero ? Zero : result;
    }

    /// <summary>The same without its sign.</summary>
    public JsonDecimal Magnitude() => this with { IsNegative = false };

    /// <summary>Less than 0, 0 or more than 0, as this one is below, equal to or above the other one.</summary>
    public int CompareTo(JsonDecimal other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var places = Math.Max(Fraction.Length, other.Fraction.Length);
        return Scaled(places).CompareTo(other.Scaled(places));
    }

    /// <summary>Whether it is a whole number of times another one, which is not zero.</summary>
    public bool IsMultipleOf(JsonDecimal other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var places = Math.Max(Fraction.Length, other.Fraction.Length);
        return (Scaled(places) % other.Scaled(places)).IsZero;
    }

    /// <summary>The number × 10^places, which must be whole.</summary>
    public BigInteger Scaled(int places)
    {
        var value = BigInteger.Parse(Whole + Fraction.PadRight(places, '0'), CultureInfo.InvariantCulture);
        return IsNegative ? -value : value;
    }
}
