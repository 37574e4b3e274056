using System.Globalization;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>Punica's four mixes of popularity: one adapter for all, a different one for each, about √n of them equally often, and groups whose sizes grow by 1.5.</summary>
internal static class PopularityMixes
{
    private const string Identical = "identical";
    private const string Distinct = "distinct";

    /// <summary>Each mix beside the bytes that it has to read, and all different beside all the same.</summary>
    public static IEnumerable<BenchmarkRow> Rows(BenchmarkShape shape, StepSession session, StepCost cost) =>
        Rows(shape, session, cost, "all", "all seven", 0, _ => true, 0.80).Concat(Rows(shape, session, cost, "attention", "q,k,v,o", shape.Many, BenchmarkShape.IsAttention, 0.93));

    /// <summary>Which adapter each of n sequences has, equal ones side by side.</summary>
    public static IReadOnlyList<(string Key, string Name, int[] Slots)> Of(int count) =>
    [
        (Identical, "Identical", new int[count]),
        ("uniform", "Uniform", [.. Enumerable.Range(0, count).Select(i => i * (int)Math.Ceiling(Math.Sqrt(count)) / count)]),
        ("skewed", "Skewed", Skewed(count)),
        (Distinct, "Distinct", [.. Enumerable.Range(0, count)]),
    ];

    private static IEnumerable<BenchmarkRow> Rows(
        BenchmarkShape shape, StepSession session, StepCost cost, string key, string projections, int firstSlot, Func<LoraSlice, bool> takes, double distinctBar)
    {
        var rates = new Dictionary<string, (double Rate, double Limit)>();
        foreach (var (mix, name, slots) in Of(shape.Batch))
        {
            var bytes = slots.Distinct().Count() * cost.AdapterBytes(DecodeBenchmark.Rank, takes);
            var seconds = StepSession.Best(session.Decode(shape.Batch, i => firstSlot + slots[i]), shape.Milliseconds);
            var floor = cost.Seconds(shape.Batch, shape.Context, bytes);
            rates[mix] = (shape.Batch / seconds, shape.Batch / floor);
            var row = $"mixes.{key}.{mix}";
            yield return new(row, $"{name}, batch {shape.Batch}, {projections}", seconds / floor, "x", Bar.AtMost(1.4), cost.Formula(shape.Batch, shape.Context, bytes));
            yield return new($"{row}.rate", "the same", shape.Batch / seconds, "tokens/s", null, FormattableString.Invariant($"{shape.Batch / floor:F0} tokens/s"));
        }

        var (distinct, identical) = (rates[Distinct], rates[Identical]);
        var limit = string.Create(CultureInfo.InvariantCulture, $"{distinct.Limit:F0} / {identical.Limit:F0} tokens/s = {distinct.Limit / identical.Limit:G3} x");
        yield return new($"mixes.{key}.ratio", $"Distinct beside Identical, {projections}", distinct.Rate / identical.Rate, "x", Bar.AtLeast(distinctBar), limit);
    }

    /// <summary>Groups of ⌊1.5^k⌋, k = 0, 1, …, as long as they fit, then the rest; the largest first: 11, 7, 5, 3, 2, 2, 1, 1 of 32.</summary>
    private static int[] Skewed(int count)
    {
        var groups = new List<int>();
        var left = count;
        for (var size = 1.0; (int)size <= left && left > 0; size *= 1.5)
        {
            groups.Add((int)size);
            left -= (int)size;
        }

        if (left > 0)
        {
            groups.Add(left);
        }

        return [.. groups.OrderDescending().SelectMany((size, slot) => Enumerable.Repeat(slot, size))];
    }
}
