using System.Diagnostics;
using Serving.Compute.Adapters;
using Serving.Compute.Cuda;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>Whole decoding steps with and without adapters, Punica's mixes of their popularity, an adapter's way to the device, and what deterministic mode costs.</summary>
internal static class DecodeBenchmark
{
    private const int Rank = 16;
    private const int Batch = 32;
    private const int Many = 64;

    /// <summary>Runs all of it.</summary>
    public static IEnumerable<BenchmarkRow> Run(int ordinal, BenchmarkShape shape, DeviceLimits limits)
    {
        var program = shape.Program();
        var deterministic = Seconds(ordinal, program, new CudaBackendOptions { Ordinal = ordinal, Deterministic = true });
        using var backend = new CudaBackend(program, new CudaBackendOptions { Ordinal = ordinal });
        BenchmarkShape.LoadWeights(backend, program);

        // Slots 0 … 63 have all seven projections, 64 … 127 those of attention.
        var session = new StepSession(backend, program, [.. Adapters(program, _ => true), .. Adapters(program, IsAttention)]);
        var weights = program.Weights.Where(weight => weight.Kind != WeightKind.Embedding).Sum(weight => backend.PackedBytes(weight.Index));
        var kv = (double)StepSession.Context * 2 * program.Shape.LayerCount * program.Shape.KvWidth * sizeof(ushort);
        var plain = StepSession.Best(session.Decode(Batch, _ => -1));
        yield return new($"decode step, batch {Batch}, context {StepSession.Context}, no adapter", plain * limits.CopyRate / (weights + (Batch * kv)), "x", "<= 1.4 x (weights + KV) / bandwidth");
        yield return new("the same in deterministic mode", deterministic / plain, "x", "its cost");
        foreach (var row in Added(program, session, limits).Concat(Mixes(program, session, limits, weights + (Batch * kv))))
        {
            yield return row;
        }

        var load = Best(() => backend.PackAdapter(0, StepSession.Adapter(program, Rank, _ => true), PagesOf(backend, program)));
        yield return new($"adapter load, rank {Rank}, all seven", 100 * Bytes(program, _ => true) / load / limits.HostRate, "%", ">= 80 % of host-to-device bandwidth (cutting into cells included)");
    }

    private static IEnumerable<BenchmarkRow> Added(ModelProgram program, StepSession session, DeviceLimits limits)
    {
        var plain = StepSession.Best(session.Decode(Many, _ => -1));
        foreach (var (name, first, takes) in new (string, int, Func<LoraSlice, bool>)[] { ("all seven", 0, _ => true), ("q,k,v,o", Many, IsAttention) })
        {
            var added = StepSession.Best(session.Decode(Many, i => first + i)) - plain;
            yield return new($"time added by {Many} distinct rank-{Rank} adapters on {name}", added * limits.CopyRate / (Many * Bytes(program, takes)), "x", "<= 1.4 x adapter bytes / bandwidth");
        }

        var base32 = StepSession.Best(session.Decode(Batch, _ => -1));
        var with32 = StepSession.Best(session.Decode(Batch, i => Many + i));
        yield return new($"time added by {Batch} distinct on q,k,v,o", 100 * (with32 - base32) / base32, "%", "<= 10 % of a base step");
    }

    /// <summary>Punica's: all the same, all different, equally many of about √n, and few popular among many (Zipf, 1.5).</summary>
    private static IEnumerable<BenchmarkRow> Mixes(ModelProgram program, StepSession session, DeviceLimits limits, double baseBytes)
    {
        foreach (var (name, slotOf) in new (string, Func<int, int>)[] { ("Identical", _ => 0), ("Uniform", i => i * 6 / Batch), ("Skewed", Skewed), ("Distinct", i => i) })
        {
            var distinct = Enumerable.Range(0, Batch).Select(slotOf).Distinct().Count();
            var seconds = StepSession.Best(session.Decode(Batch, slotOf));
            yield return new($"{name}: batch {Batch}, all seven", Batch / seconds, "tokens/s", "Distinct >= 0.80 x Identical");
            yield return new($"{name}: its own bytes", seconds * limits.CopyRate / (baseBytes + (distinct * Bytes(program, _ => true))), "x", "<= 1.4 x bytes / bandwidth");
        }
    }

    private static int Skewed(int row)
    {
        var total = Enumerable.Range(1, Batch).Sum(rank => Math.Pow(rank, -1.5));
        var (sum, slot) = (0.0, 0);
        while (slot < Batch - 1 && (sum += Math.Pow(slot + 1, -1.5) / total) < (row + 0.5) / Batch)
        {
            slot++;
        }

        return slot;
    }

    private static double Seconds(int ordinal, ModelProgram program, CudaBackendOptions options)
    {
        using var backend = new CudaBackend(program, options with { Ordinal = ordinal });
        BenchmarkShape.LoadWeights(backend, program);
        return StepSession.Best(new StepSession(backend, program, [StepSession.Adapter(program, Rank, _ => true)]).Decode(Batch, _ => -1));
    }

    private static double Best(Action work)
    {
        var best = double.MaxValue;
        for (var i = 0; i < 5; i++)
        {
            var start = Stopwatch.GetTimestamp();
            work();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    private static int[] PagesOf(CudaBackend backend, ModelProgram program)
    {
        // The pages that slot 0 was packed into: those behind the sequences'.
        var first = StepSession.MaxSequences * ((StepSession.Context / ModelShape.PageTokens) + 1);
        return [.. Enumerable.Range(first, backend.PageCountOf(StepSession.Adapter(program, Rank, _ => true)))];
    }

    private static IEnumerable<AdapterWeights> Adapters(ModelProgram program, Func<LoraSlice, bool> takes)
    {
        var adapter = StepSession.Adapter(program, Rank, takes);
        return Enumerable.Repeat(adapter, Many);
    }

    private static bool IsAttention(LoraSlice slice) => slice.Projection is Projection.Query or Projection.Key or Projection.Value or Projection.Output;

    private static double Bytes(ModelProgram program, Func<LoraSlice, bool> takes) =>
        program.Slices.Where(takes).Sum(slice => (double)Rank * (slice.InputWidth + slice.OutputWidth) * sizeof(ushort));
}
