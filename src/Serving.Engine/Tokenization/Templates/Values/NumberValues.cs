using System.Numerics;

namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>Python's numeric tower: bool is an int, an int meets a float as a float.</summary>
internal static class NumberValues
{
    public static bool IsNumber(TemplateValue value) => value is IntValue or FloatValue or BoolValue;

    /// <summary>Pays for turning an integer into digits, or multiplying it.</summary>
    public static void ChargeDigits(BigInteger number, RenderBudget budget)
    {
        if (number.GetBitLength() is var bits and > 64)
        {
            budget.Charge(bits * bits / (1 << 16));
        }
    }

    /// <summary>The integer of an int or a bool; false for anything else.</summary>
    public static bool TryInteger(TemplateValue value, out BigInteger number)
    {
        number = value switch
        {
            IntValue i => i.Number,
            BoolValue b => b.IsTrue ? BigInteger.One : BigInteger.Zero,
            _ => BigInteger.Zero,
        };
        return value is IntValue or BoolValue;
    }

    /// <summary>A number as a double.</summary>
    public static double ToDouble(TemplateValue value) => value switch
    {
        FloatValue f => f.Number,
        IntValue i => (double)i.Number,
        BoolValue b => b.IsTrue ? 1 : 0,
        _ => throw new TemplateFault($"a number is expected, not '{value.TypeName}'"),
    };

    /// <summary>A number without its fraction; faults for infinities and NaN.</summary>
    public static BigInteger Truncate(TemplateValue value)
    {
        if (TryInteger(value, out var integer))
        {
            return integer;
        }

        var number = ToDouble(value);
        return double.IsFinite(number) ? new BigInteger(number) : throw new TemplateFault("cannot convert float to integer");
    }

    /// <summary>An integer clamped into 32 bits, for lengths, widths and indices; faults for other types.</summary>
    public static int ToInt32(TemplateValue value)
    {
        if (!TryInteger(value, out var number))
        {
            throw value is UndefinedValue u ? u.Fault() : new TemplateFault($"'{value.TypeName}' object cannot be interpreted as an integer");
        }

        return (int)BigInteger.Clamp(number, int.MinValue + 1, int.MaxValue - 1);
    }

    /// <summary>Orders two numbers exactly; false when one is no number, or NaN.</summary>
    public static bool TryCompare(TemplateValue x, TemplateValue y, out int order)
    {
        order = 0;
        if (!IsNumber(x) || !IsNumber(y))
        {
            return false;
        }

        if (TryInteger(x, out var a) && TryInteger(y, out var b))
        {
            order = a.CompareTo(b);
            return true;
        }

        if (x is FloatValue f && y is FloatValue g)
        {
            order = f.Number.CompareTo(g.Number);
            return !double.IsNaN(f.Number) && !double.IsNaN(g.Number);
        }

        var flip = x is FloatValue;
        var number = ToDouble(flip ? x : y);
        TryInteger(flip ? y : x, out var integer);
        if (!double.IsFinite(number))
        {
            order = (number > 0) == flip ? 1 : -1;
            return !double.IsNaN(number);
        }

        var floor = new BigInteger(Math.Floor(number));
        order = integer.CompareTo(floor);
        order = order == 0 && number > Math.Floor(number) ? -1 : order;
        order = flip ? -order : order;
        return true;
    }
}
