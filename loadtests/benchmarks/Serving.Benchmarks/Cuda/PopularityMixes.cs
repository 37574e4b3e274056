using System.Globalization;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>Punica's four mixes of popularity: one adapter for all, a different one for each, about √n of them equally often, and groups whose sizes grow by 1.5.</summary>
internal static class PopularityMixes
{
    private const string Identical = "identical";
    private const string Distinct = "distinct";

    /// <summary>Each mix beside the bytes that it has to read, and all different beside all the same.</summary>
    public static IEnumerable<Measurement> Measurements(Func<DecodeSetUp> setUp) =>
        Measurements(setUp, "all", "all seven", _ => 0, _ => true, 0.80).Concat(Measurements(setUp, "attention", "q,k,v,o", shape => shape.Many, BenchmarkShape.IsAttention, 0.93));

    /// <summary>Which adapter each of n sequences has, equal ones side by side.</summary>
    public static IReadOnlyList<(string Key, string Name, int[] Slots)> Of(int count) =>
    [
        (Identical, "Identical", new int[count]),
        ("uniform", "Uniform", [.. Enumerable.Range(0, count).Select(i => i * (int)Math.Ceiling(Math.Sqrt(count)) / count)]),
        ("skewed", "Skewed", Skewed(count)),
        (Distinct, "Distinct", [.. Enumerable.Range(0, count)]),
    ];

    private static IEnumerable<Measurement> Measurements(
        Func<DecodeSetUp> setUp, string key, string projections, Func<BenchmarkShape, int> firstSlot, Func<LoraSlice, bool> takes, double distinctBar)
    {
        var rates = new Dictionary<string, MixRate>();
        MixRate RateOf(string mix) => rates.TryGetValue(mix, out var rate) ? rate : rates[mix] = Measure(setUp(), mix, firstSlot, takes);
        foreach (var (mix, name, _) in Of(1))
        {
            var row = $"mixes.{key}.{mix}";
            yield return new([row, $"{row}.rate"], () => Rows(setUp(), row, $"{name}, batch {setUp().Shape.Batch}, {projections}", RateOf(mix)));
        }

        var ratio = $"mixes.{key}.ratio";
        yield return new([ratio], () => [Ratio(ratio, projections, RateOf(Distinct), RateOf(Identical), distinctBar)]);
    }

    private static MixRate Measure(DecodeSetUp setUp, string mix, Func<BenchmarkShape, int> firstSlot, Func<LoraSlice, bool> takes)
    {
        var (shape, slots) = (setUp.Shape, Of(setUp.Shape.Batch).Single(other => other.Key == mix).Slots);
        var bytes = slots.Distinct().Count() * setUp.Cost.AdapterBytes(DecodeBenchmark.Rank, takes);
        var seconds = setUp.Best(shape.Batch, i => firstSlot(shape) + slots[i]);
        return new MixRate(seconds, setUp.Cost.Seconds(shape.Batch, shape.Context, bytes), bytes, shape.Batch);
    }

    private static IEnumerable<BenchmarkRow> Rows(DecodeSetUp setUp, string key, string words, MixRate rate)
    {
        yield return new(key, words, rate.Seconds / rate.Floor, "x", Bar.AtMost(1.4), setUp.Cost.Formula(setUp.Shape.Batch, setUp.Shape.Context, rate.Bytes));
        yield return new($"{key}.rate", "the same", rate.PerSecond, "tokens/s", null, FormattableString.Invariant($"{rate.Limit:F0} tokens/s"));
    }

    private static BenchmarkRow Ratio(string key, string projections, MixRate distinct, MixRate identical, double bar)
    {
        var limit = string.Create(CultureInfo.InvariantCulture, $"{distinct.Limit:F0} / {identical.Limit:F0} tokens/s = {distinct.Limit / identical.Limit:G3} x");
        return new(key, $"Distinct beside Identical, {projections}", distinct.PerSecond / identical.PerSecond, "x", Bar.AtLeast(bar), limit);
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

    /// <summary>What a mix came to: seconds of a step, those that its bytes take, and the bytes of its adapters.</summary>
    private sealed record MixRate(double Seconds, double Floor, double Bytes, int Batch)
    {
        public double PerSecond => Batch / Seconds;

        public double Limit => Batch / Floor;
    }
}
