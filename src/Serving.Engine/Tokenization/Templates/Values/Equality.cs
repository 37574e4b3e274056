using System.Numerics;

namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>Python's <c>==</c> and <c>hash</c>.</summary>
internal static class Equality
{
    /// <summary>Python's <c>x == y</c>; never faults but over the budget.</summary>
    public static bool AreEqual(TemplateValue x, TemplateValue y, RenderBudget budget, int depth = 0)
    {
        RenderBudget.CheckDepth(depth);
        budget.Charge();
        if (ReferenceEquals(x, y))
        {
            return x is not FloatValue { Number: double.NaN };
        }

        switch (x, y)
        {
            case (StringValue a, StringValue b):
                budget.ChargeText(Math.Min(a.Text.Length, b.Text.Length));
                return string.Equals(a.Text, b.Text, StringComparison.Ordinal);
            case (ListValue a, ListValue b):
                return SameItems(a.Items, b.Items, budget, depth);
            case (TupleValue a, TupleValue b):
                return SameItems(a.Items, b.Items, budget, depth);
            case (DictValue a, DictValue b):
                return SameEntries(a, b, budget, depth);
            case (RangeValue a, RangeValue b):
                return a.Count == b.Count && (a.Count == 0 || (a.Start == b.Start && (a.Count == 1 || a.Step == b.Step)));
            case (UndefinedValue, UndefinedValue):
                return true;
            default:
                return NumberValues.TryCompare(x, y, out var order) && order == 0;
        }
    }

    /// <summary>A hash that agrees with <see cref="AreEqual"/>; faults for lists and objects as Python does.</summary>
    public static int Hash(TemplateValue value, RenderBudget budget, int depth = 0)
    {
        RenderBudget.CheckDepth(depth);
        budget.Charge();
        switch (value)
        {
            case StringValue s:
                budget.ChargeText(s.Text.Length);
                return s.Text.GetHashCode(StringComparison.Ordinal);
            case TupleValue t:
                var hash = new HashCode();
                foreach (var item in t.Items)
                {
                    hash.Add(Hash(item, budget, depth + 1));
                }

                return hash.ToHashCode();
            case ListValue or DictValue or ViewValue:
                throw new TemplateFault($"unhashable type: '{value.TypeName}'");
            case FloatValue f when !double.IsInteger(f.Number):
                return HashCode.Combine(BitConverter.DoubleToInt64Bits(f.Number));
            default:
                return NumberValues.IsNumber(value) ? HashOf(NumberValues.Truncate(value)) : value.GetHashCode();
        }
    }

    private static int HashOf(BigInteger number)
    {
        var hash = new HashCode();
        hash.AddBytes(number.ToByteArray());
        return hash.ToHashCode();
    }

    private static bool SameItems(IReadOnlyList<TemplateValue> a, IReadOnlyList<TemplateValue> b, RenderBudget budget, int depth)
    {
        if (a.Count != b.Count)
        {
            return false;
        }

        for (var i = 0; i < a.Count; i++)
        {
            if (!AreEqual(a[i], b[i], budget, depth + 1))
            {
                return false;
            }
        }

        return true;
    }

    private static bool SameEntries(DictValue a, DictValue b, RenderBudget budget, int depth)
    {
        if (a.Count != b.Count)
        {
            return false;
        }

        foreach (var (key, value) in a.Entries)
        {
            if (b.Find(key) is not { } other || !AreEqual(value, other, budget, depth + 1))
            {
                return false;
            }
        }

        return true;
    }
}
