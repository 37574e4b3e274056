namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>Python's <c>&lt;</c> over values, and a stable sort that pays for its comparisons.</summary>
internal static class Ordering
{
    /// <summary>Less than zero when <paramref name="x"/> comes first; faults for values without an order.</summary>
    public static int Compare(TemplateValue x, TemplateValue y, RenderBudget budget, int depth = 0)
    {
        RenderBudget.CheckDepth(depth);
        budget.Charge();
        switch (x, y)
        {
            case (StringValue a, StringValue b):
                budget.ChargeText(Math.Min(a.Text.Length, b.Text.Length));
                return CompareText(a.Text, b.Text);
            case (ListValue a, ListValue b):
                return CompareItems(a.Items, b.Items, budget, depth);
            case (TupleValue a, TupleValue b):
                return CompareItems(a.Items, b.Items, budget, depth);
            default:
                if (NumberValues.TryCompare(x, y, out var order))
                {
                    return order;
                }

                throw (x as UndefinedValue ?? y as UndefinedValue)?.Fault()
                    ?? new TemplateFault($"'<' not supported between instances of '{x.TypeName}' and '{y.TypeName}'");
        }
    }

    /// <summary>The items in order; equal ones keep theirs.</summary>
    public static List<T> Sort<T>(IEnumerable<T> items, Comparison<T> compare, RenderBudget budget, bool reverse = false)
    {
        var sorted = items.ToList();
        budget.Charge(sorted.Count);
        var scratch = new List<T>(sorted);
        MergeSort(sorted, scratch, 0, sorted.Count, reverse ? (a, b) => compare(b, a) : compare);
        return sorted;
    }

    /// <summary>Order by code points, which for surrogates is not the order of UTF-16 units.</summary>
    private static int CompareText(string a, string b)
    {
        var at = a.AsSpan().CommonPrefixLength(b);
        if (at == a.Length || at == b.Length)
        {
            return a.Length.CompareTo(b.Length);
        }

        var (x, y) = (a[at], b[at]);
        return char.IsSurrogate(x) != char.IsSurrogate(y) ? (char.IsSurrogate(x) ? 1 : -1) : x.CompareTo(y);
    }

    private static int CompareItems(IReadOnlyList<TemplateValue> a, IReadOnlyList<TemplateValue> b, RenderBudget budget, int depth)
    {
        for (var i = 0; i < Math.Min(a.Count, b.Count); i++)
        {
            if (!Equality.AreEqual(a[i], b[i], budget, depth + 1))
            {
                return Compare(a[i], b[i], budget, depth + 1);
            }
        }

        return a.Count.CompareTo(b.Count);
    }

    /// <summary>A merge sort of our own: the library's sorts are unstable, or wrap the faults that comparisons throw.</summary>
    private static void MergeSort<T>(List<T> items, List<T> scratch, int from, int to, Comparison<T> compare)
    {
        if (to - from < 2)
        {
            return;
        }

        var middle = from + ((to - from) / 2);
        MergeSort(items, scratch, from, middle, compare);
        MergeSort(items, scratch, middle, to, compare);
        for (var i = from; i < to; i++)
        {
            scratch[i] = items[i];
        }

        var (left, right) = (from, middle);
        for (var i = from; i < to; i++)
        {
            var takeLeft = right == to || (left < middle && compare(scratch[right], scratch[left]) >= 0);
            items[i] = takeLeft ? scratch[left++] : scratch[right++];
        }
    }
}
