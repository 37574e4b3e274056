using System.Globalization;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>The time that distinct adapters add to a step.</summary>
internal static class AdapterCost
{
    /// <summary>Many on all seven projections and on those of attention, and a batch of them as a share of its step.</summary>
    public static IEnumerable<BenchmarkRow> Rows(BenchmarkShape shape, StepSession session, StepCost cost)
    {
        var plain = StepSession.Best(session.Decode(shape.Many, _ => -1), shape.Milliseconds);
        foreach (var (key, name, first, takes) in new (string, string, int, Func<LoraSlice, bool>)[]
        {
            ("adapters.attention", "q,k,v,o", shape.Many, BenchmarkShape.IsAttention),
            ("adapters.all", "all seven", 0, _ => true),
        })
        {
            var added = StepSession.Best(session.Decode(shape.Many, i => first + i), shape.Milliseconds) - plain;
            var bytes = shape.Many * cost.AdapterBytes(DecodeBenchmark.Rank, takes);
            yield return new(key, $"time added by {shape.Many} distinct rank-{DecodeBenchmark.Rank} adapters on {name}", added * cost.Limits.CopyRate / bytes, "x", Bar.AtMost(1.4), cost.Limits.Time(bytes));
        }

        yield return Share(shape, session, cost);
    }

    /// <summary>The base step that counts is at most what its own bar allows: a slow one would make adapters look cheap.</summary>
    private static BenchmarkRow Share(BenchmarkShape shape, StepSession session, StepCost cost)
    {
        var plain = StepSession.Best(session.Decode(shape.Batch, _ => -1), shape.Milliseconds);
        var with = StepSession.Best(session.Decode(shape.Batch, i => shape.Many + i), shape.Milliseconds);
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
