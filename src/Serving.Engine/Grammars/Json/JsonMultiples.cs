using System.Globalization;
using System.Numerics;
using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Json;

/// <summary>
/// The multiples of a number as texts, where the last digits tell: of 1, 2, 5, 10, 100, 0.01, 0.5, 0.25 and so on, whose only prime factors are 2 and 5.
/// Of other numbers they are a regular set too, but one whose expression grows beyond measure.
/// </summary>
public static class JsonMultiples
{
    /// <summary>Most endings that are listed.</summary>
    public const int MaxEndings = 1000;

    /// <summary>The multiples; null when the last digits do not tell.</summary>
    /// <param name="divisor">Of what; above zero.</param>
    /// <param name="isInteger">Those that are integers alone.</param>
    public static GrammarExpression? Of(JsonDecimal divisor, bool isInteger)
    {
        ArgumentNullException.ThrowIfNull(divisor);
        var unit = BigInteger.Pow(10, divisor.Fraction.Length);
        var scaled = divisor.Scaled(divisor.Fraction.Length);
        if (isInteger || divisor.IsInteger)
        {
            // The integers among the multiples of p/q, which is in lowest terms, are the multiples of p.
            return Integers(scaled / BigInteger.GreatestCommonDivisor(scaled, unit));
        }

        return (unit % scaled).IsZero && unit / scaled <= MaxEndings ? Fractions(scaled, unit, divisor.Fraction.Length) : null;
    }

    private static GrammarExpression? Integers(BigInteger divisor)
    {
        var zeros = 0;
        for (; (divisor % 10).IsZero; divisor /= 10)
        {
            zeros++;
        }

        var places = 0;
        var modulus = BigInteger.One;
        for (; !(modulus % divisor).IsZero && modulus / divisor <= MaxEndings; modulus *= 10)
        {
            places++;
        }

        if (!(modulus % divisor).IsZero || modulus / divisor > MaxEndings || places + zeros >= JsonNumbers.MaxWhole)
        {
            return null;
        }

        BigInteger[] endings = [.. Enumerable.Range(0, (int)(modulus / divisor)).Select(times => times * divisor)];
        var few = endings.Where(ending => !ending.IsZero).Select(ending => Express.Text(ending.ToString(CultureInfo.InvariantCulture)));
        var many = Express.Concat(
            Express.Range("19"),
            JsonNumbers.Digits(0, JsonNumbers.MaxWhole - 1 - places - zeros),
            places == 0 ? GrammarExpression.Empty : Express.Choice([.. endings.Select(ending => Express.Text(ending.ToString(CultureInfo.InvariantCulture).PadLeft(places, '0')))]));
        return Express.Choice(Express.Text("0"), Express.Concat(Express.Optional(Express.Text("-")), Express.Choice([.. few, many]), Express.Text(new string('0', zeros))));
    }

    private static GrammarExpression Fractions(BigInteger scaled, BigInteger unit, int places)
    {
        var endings = scaled.IsOne
            ? JsonNumbers.Digits(1, places)
            : Express.Choice([.. Enumerable.Range(1, (int)(unit / scaled) - 1).Select(times => Express.Text((times * scaled).ToString(CultureInfo.InvariantCulture).PadLeft(places, '0').TrimEnd('0')))]);
        return Express.Concat(JsonNumbers.AnyInteger, Express.Optional(Express.Concat(Express.Text("."), endings)));
    }
}
