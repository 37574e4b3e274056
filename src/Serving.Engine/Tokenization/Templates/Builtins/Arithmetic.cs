using System.Numerics;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Python's binary operators over numbers, strings and lists.</summary>
internal static class Arithmetic
{
    /// <summary>Applies an operator; faults when the operands do not fit it.</summary>
    public static TemplateValue Apply(string op, TemplateValue left, TemplateValue right, RenderContext context)
    {
        if (op == "%" && left is StringValue format)
        {
            context.Budget.ChargeText(format.Text.Length);
            return PercentFormat.Format(format.Text, right, context);
        }

        if ((left as UndefinedValue ?? right as UndefinedValue) is { } undefined)
        {
            throw undefined.Fault();
        }

        if (NumberValues.IsNumber(left) && NumberValues.IsNumber(right))
        {
            if (NumberValues.TryInteger(left, out var x) && NumberValues.TryInteger(right, out var y))
            {
                NumberValues.ChargeDigits(x, context.Budget);
                NumberValues.ChargeDigits(y, context.Budget);
                return OfIntegers(op, x, y);
            }

            return OfFloats(op, NumberValues.ToDouble(left), NumberValues.ToDouble(right));
        }

        return (op switch
        {
            "+" => Join(left, right, context),
            "*" => NumberValues.TryInteger(right, out var times) ? Repeat(left, times, context)
                : NumberValues.TryInteger(left, out times) ? Repeat(right, times, context) : null,
            _ => null,
        }) ?? throw new TemplateFault($"unsupported operand type(s) for {op}: '{left.TypeName}' and '{right.TypeName}'");
    }

    /// <summary><c>-value</c> or <c>+value</c>.</summary>
    public static TemplateValue Sign(TemplateValue value, bool minus) => value switch
    {
        UndefinedValue u => throw u.Fault(),
        FloatValue f => new FloatValue(minus ? -f.Number : f.Number),
        _ when NumberValues.TryInteger(value, out var number) => new IntValue(minus ? -number : number),
        _ => throw new TemplateFault($"bad operand type for unary {(minus ? '-' : '+')}: '{value.TypeName}'"),
    };

    private static TemplateValue OfIntegers(string op, BigInteger x, BigInteger y)
    {
        switch (op)
        {
            case "+":
                return IntValue.Of(x + y);
            case "-":
                return IntValue.Of(x - y);
            case "*":
                return IntValue.Of(x * y);
            case "**":
                return Power(x, y);
        }

        if (y.IsZero)
        {
            throw new TemplateFault("division by zero");
        }

        if (op == "/")
        {
            return new FloatValue(Divide(x, y));
        }

        var quotient = BigInteger.DivRem(x, y, out var rest);
        var down = !rest.IsZero && (rest.Sign < 0) != (y.Sign < 0);
        return new IntValue(op == "//" ? quotient - (down ? 1 : 0) : rest + (down ? y : 0));
    }

    private static double Divide(BigInteger x, BigInteger y)
    {
        if (x.GetBitLength() <= 53 && y.GetBitLength() <= 53)
        {
            return (double)x / (double)y;
        }

        // More bits than a double holds are cut off both sides alike; the error stays below the last place but one.
        var cut = (int)Math.Max(0, Math.Max(x.GetBitLength(), y.GetBitLength()) - 1000);
        var quotient = (double)(x >> cut) / (double)(y >> cut);
        return double.IsFinite(quotient) ? quotient : throw new TemplateFault("integer division result too large for a float");
    }

    private static TemplateValue Power(BigInteger x, BigInteger y)
    {
        if (y.Sign < 0)
        {
            return x.IsZero
                ? throw new TemplateFault("0.0 cannot be raised to a negative power")
                : new FloatValue(Math.Pow((double)x, (double)y));
        }

        if (x.IsOne || x.IsZero || x == BigInteger.MinusOne)
        {
            return new IntValue(y.IsZero || x.IsOne ? BigInteger.One : x.IsZero ? x : y.IsEven ? BigInteger.One : x);
        }

        return y <= IntValue.MaxBits && (x.GetBitLength() - 1) * (long)y <= IntValue.MaxBits
            ? IntValue.Of(BigInteger.Pow(x, (int)y))
            : throw new TemplateFault($"an integer has more than {IntValue.MaxBits} bits");
    }

    private static TemplateValue OfFloats(string op, double x, double y)
    {
        if (y == 0 && (op is "/" or "//" or "%"))
        {
            throw new TemplateFault("float division by zero");
        }

        var number = op switch
        {
            "+" => x + y,
            "-" => x - y,
            "*" => x * y,
            "/" => x / y,
            "//" => Math.Round((x - Modulo(x, y)) / y),
            "%" => Modulo(x, y),
            "**" => Math.Pow(x, y),
            _ => throw new TemplateFault($"unsupported operator {op}"),
        };
        return double.IsNaN(number) && op == "**" && !double.IsNaN(x) && !double.IsNaN(y)
            ? throw new TemplateFault("a negative number cannot be raised to a fraction")
            : new FloatValue(number);
    }

    private static double Modulo(double x, double y)
    {
        var rest = x % y;
        return rest != 0 ? ((rest < 0) != (y < 0) ? rest + y : rest) : Math.CopySign(0, y);
    }

    private static TemplateValue? Join(TemplateValue left, TemplateValue right, RenderContext context)
    {
        switch (left, right)
        {
            case (StringValue a, StringValue b):
                var markup = a.IsMarkup || b.IsMarkup;
                var (x, y) = markup && !(a.IsMarkup && b.IsMarkup)
                    ? (a.IsMarkup ? a.Text : PythonStrings.EscapeHtml(a.Text), b.IsMarkup ? b.Text : PythonStrings.EscapeHtml(b.Text))
                    : (a.Text, b.Text);
                context.Budget.Allocate((long)x.Length + y.Length);
                return new StringValue(x + y, markup);
            case (ListValue a, ListValue b):
                return new ListValue(Concat(a.Items, b.Items, context));
            case (TupleValue a, TupleValue b):
                return new TupleValue(Concat(a.Items, b.Items, context));
            default:
                return null;
        }
    }

    private static List<TemplateValue> Concat(IReadOnlyList<TemplateValue> a, IReadOnlyList<TemplateValue> b, RenderContext context)
    {
        context.Budget.Charge((long)a.Count + b.Count);
        return [.. a, .. b];
    }

    private static TemplateValue? Repeat(TemplateValue value, BigInteger times, RenderContext context)
    {
        var count = (long)BigInteger.Clamp(times, 0, int.MaxValue);
        switch (value)
        {
            case StringValue s:
                context.Budget.Allocate(s.Text.Length * count);
                return new StringValue(new System.Text.StringBuilder().Insert(0, s.Text, s.Text.Length == 0 ? 0 : (int)count).ToString(), s.IsMarkup);
            case ListValue or TupleValue:
                var items = ((SequenceValue)value).Items;
                context.Budget.Charge(items.Count * count);
                var repeated = new List<TemplateValue>();
                for (var i = 0; i < count && items.Count > 0; i++)
                {
                    repeated.AddRange(items);
                }

                return value is ListValue ? new ListValue(repeated) : new TupleValue(repeated);
            default:
                return null;
        }
    }
}
