using System.Globalization;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>The time that distinct adapters add to a step: many on all seven projections and on those of attention, and a batch of them as a share of its step.</summary>
internal static class AdapterCost
{
    /// <summary>One for each row.</summary>
    public static IEnumerable<Measurement> Measurements(Func<DecodeSetUp> setUp) =>
    [
        new(["adapters.attention"], () => [Added(setUp(), "adapters.attention", "q,k,v,o", setUp().Shape.Many, BenchmarkShape.IsAttention)]),
        new(["adapters.all"], () => [Added(setUp(), "adapters.all", "all seven", 0, _ => true)]),
        new(["adapters.share"], () => [Share(setUp())]),
    ];

    private static BenchmarkRow Added(DecodeSetUp setUp, string key, string projections, int firstSlot, Func<LoraSlice, bool> takes)
    {
        var (many, limits) = (setUp.Shape.Many, setUp.Cost.Limits);
        var added = setUp.Best(many, i => firstSlot + i) - setUp.Plain(many);
        var bytes = many * setUp.Cost.AdapterBytes(DecodeBenchmark.Rank, takes);
        return new(key, $"time added by {many} distinct rank-{DecodeBenchmark.Rank} adapters on {projections}", added * limits.CopyRate / bytes, "x", Bar.AtMost(1.4), limits.Time(bytes));
    }

    /// <summary>The base step that counts is at most what its own bar allows: a slow one would make adapters look cheap.</summary>
    private static BenchmarkRow Share(DecodeSetUp setUp)
    {
        var (shape, cost) = (setUp.Shape, setUp.Cost);
        var plain = setUp.Plain(shape.Batch);
        var with = setUp.Best(shape.Batch, i => shape.Many + i);
        var floor = cost.Seconds(shape.Batch, shape.Context);
        var bytes = shape.Batch * cost.AdapterBytes(DecodeBenchmark.Rank, BenchmarkShape.IsAttention);
        var limit = string.Create(CultureInfo.InvariantCulture, $"{cost.Limits.Time(bytes)}, {100 * bytes / cost.Limits.CopyRate / floor:G3} % of {floor * 1e3:G4} ms");
        return new(
            "adapters.share",
            $"time added by {shape.Batch} distinct on q,k,v,o, context {shape.Context}, of a base step that meets its bar",
            100 * (with - plain) / Math.Min(plain, 1.4 * floor),
            "%",
            Bar.AtMost(10),
            limit);
    }
}
