using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Json;

/// <summary>
/// Numbers as texts. All have a bounded number of digits, so that a model cannot write one for ever: <see cref="MaxWhole"/> before the point,
/// <see cref="MaxFraction"/> behind it, and an exponent from -299 to 299, with which no number overflows a double. Numbers between bounds have no exponent.
/// </summary>
public static class JsonNumbers
{
    /// <summary>Most digits before the point: every integer fits 64 bits.</summary>
    public const int MaxWhole = 18;

    /// <summary>Most digits behind the point: as many as tell doubles apart.</summary>
    public const int MaxFraction = 17;

    private static readonly GrammarExpression Digit = Express.Range("09");
    private static readonly GrammarExpression Minus = Express.Text("-");
    private static readonly GrammarExpression Whole = Express.Choice(Express.Text("0"), Express.Concat(Express.Range("19"), Digits(0, MaxWhole - 1)));
    private static readonly GrammarExpression Fraction = Express.Optional(Express.Concat(Express.Text("."), Digits(1, MaxFraction)));

    /// <summary>Any integer.</summary>
    public static GrammarExpression AnyInteger { get; } = Express.Concat(Express.Optional(Minus), Whole);

    /// <summary>Any number.</summary>
    public static GrammarExpression Any { get; } = Express.Concat(AnyInteger, Fraction, Express.Optional(Express.Concat(
        Express.Range("eeEE"),
        Express.Optional(Express.Range("++--")),
        Express.Choice(Digits(1, 2), Express.Concat(Express.Range("12"), Digits(2, 2))))));

    /// <summary>Digits, so many.</summary>
    public static GrammarExpression Digits(int least, int? most) => Express.Repeat(Digit, least, most);

    /// <summary>The numbers above a bound.</summary>
    /// <param name="bound">The bound.</param>
    /// <param name="isExclusive">Whether it is itself left out.</param>
    /// <param name="isInteger">Integers alone.</param>
    public static GrammarExpression AtLeast(JsonDecimal bound, bool isExclusive, bool isInteger) => bound.IsNegative
        ? Express.Choice(MagnitudeAtLeast(JsonDecimal.Zero, false, isInteger), Express.Concat(Minus, MagnitudeAtMost(bound, isExclusive, isInteger)))
        : MagnitudeAtLeast(bound, isExclusive, isInteger);

    /// <summary>The numbers below a bound.</summary>
    /// <param name="bound">The bound.</param>
    /// <param name="isExclusive">Whether it is itself left out.</param>
    /// <param name="isInteger">Integers alone.</param>
    public static GrammarExpression AtMost(JsonDecimal bound, bool isExclusive, bool isInteger) => bound.IsNegative
        ? Express.Concat(Minus, MagnitudeAtLeast(bound, isExclusive, isInteger))
        : Express.Choice(
            Express.Concat(Minus, MagnitudeAtLeast(JsonDecimal.Zero, bound.IsZero && isExclusive, isInteger)),
            MagnitudeAtMost(bound, isExclusive, isInteger));

    private static GrammarExpression MagnitudeAtLeast(JsonDecimal bound, bool isExclusive, bool isInteger)
    {
        var fraction = isInteger ? GrammarExpression.Empty : Fraction;
        var above = Express.Concat(WholeAbove(bound.Whole), fraction);
        if (bound.Whole.Length > MaxWhole)
        {
            return GrammarExpression.Never;
        }

        var same = isInteger
            ? bound.IsInteger && !isExclusive ? GrammarExpression.Empty : GrammarExpression.Never
            : FractionAtLeast(bound.Fraction, isExclusive);
        return Express.Choice(above, Express.Concat(Express.Text(bound.Whole), same));
    }

    private static GrammarExpression MagnitudeAtMost(JsonDecimal bound, bool isExclusive, bool isInteger)
    {
        var fraction = isInteger ? GrammarExpression.Empty : Fraction;
        if (bound.Whole.Length > MaxWhole)
        {
            return Express.Concat(Whole, fraction);
        }

        var same = isInteger
            ? bound.IsInteger && isExclusive ? GrammarExpression.Never : GrammarExpression.Empty
            : FractionAtMost(bound.Fraction, isExclusive);
        return Express.Choice(Express.Concat(WholeBelow(bound.Whole), fraction), Express.Concat(Express.Text(bound.Whole), same));
    }

    private static GrammarExpression WholeAbove(string bound)
    {
        var options = new List<GrammarExpression>();
        if (bound.Length < MaxWhole)
        {
            options.Add(Express.Concat(Express.Range("19"), Digits(bound.Length, MaxWhole - 1)));
        }

        for (var i = 0; i < bound.Length; i++)
        {
            options.Add(Express.Concat(Express.Text(bound[..i]), From(bound[i] + 1, '9'), Digits(bound.Length - i - 1, bound.Length - i - 1)));
        }

        return Express.Choice(options);
    }

    private static GrammarExpression WholeBelow(string bound)
    {
        var options = new List<GrammarExpression>();
        if (bound.Length > 1)
        {
            options.Add(Express.Text("0"));
            options.Add(Express.Concat(Express.Range("19"), Digits(0, bound.Length - 2)));
        }

        for (var i = 0; i < bound.Length; i++)
        {
            var lowest = i == 0 && bound.Length > 1 ? '1' : '0';
            options.Add(Express.Concat(Express.Text(bound[..i]), From(lowest, bound[i] - 1), Digits(bound.Length - i - 1, bound.Length - i - 1)));
        }

        return Express.Choice(options);
    }

    // What follows the whole digits of a bound: the point and the digits behind it, or nothing.
    private static GrammarExpression FractionAtLeast(string bound, bool isExclusive)
    {
        var places = Math.Max(MaxFraction, bound.Length + 1);
        var notZero = Express.Concat(Express.Repeat(Express.Text("0"), 0, places - bound.Length - 1), Express.Range("19"), Digits(0, places - bound.Length - 1));
        if (bound.Length == 0)
        {
            return isExclusive ? Express.Concat(Express.Text("."), notZero) : Fraction;
        }

        var options = new List<GrammarExpression>();
        for (var i = 0; i < bound.Length; i++)
        {
            options.Add(Express.Concat(Express.Text(bound[..i]), From(bound[i] + 1, '9'), Digits(0, places - i - 1)));
        }

        options.Add(Express.Concat(Express.Text(bound), isExclusive ? notZero : Digits(0, places - bound.Length)));
        return Express.Concat(Express.Text("."), Express.Choice(options));
    }

    private static GrammarExpression FractionAtMost(string bound, bool isExclusive)
    {
        var places = Math.Max(MaxFraction, bound.Length);
        var options = new List<GrammarExpression>();
        for (var i = 0; i < bound.Length; i++)
        {
            // Ends behind these digits, which is less since the bound has more of them, or goes on with a lower one.
            options.Add(i == 0 ? GrammarExpression.Never : Express.Text(bound[..i]));
            options.Add(Express.Concat(Express.Text(bound[..i]), From('0', bound[i] - 1), Digits(0, places - i - 1)));
        }

        if (!isExclusive)
        {
            options.Add(bound.Length == 0 ? Express.Repeat(Express.Text("0"), 1, places) : Express.Concat(Express.Text(bound), Express.Repeat(Express.Text("0"), 0, places - bound.Length)));
        }

        var written = Express.Concat(Express.Text("."), Express.Choice(options));
        return bound.Length > 0 || !isExclusive ? Express.Optional(written) : GrammarExpression.Never;
    }

    private static GrammarExpression From(int first, int last) => first > last ? GrammarExpression.Never : Express.Character(CharacterSet.Of((first, last)));
}
