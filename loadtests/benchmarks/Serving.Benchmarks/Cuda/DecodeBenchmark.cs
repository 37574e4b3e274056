using Serving.Compute.Adapters;
using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Launches;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>Whole decoding steps of one loaded model: without adapters, with them, in Punica's mixes, beside an adapter's load, and in deterministic mode.</summary>
internal static class DecodeBenchmark
{
    /// <summary>Rank of all adapters here.</summary>
    public const int Rank = 16;

    /// <summary>Runs all of it.</summary>
    public static IEnumerable<BenchmarkRow> Run(int ordinal, BenchmarkShape shape, DeviceLimits limits)
    {
        var program = shape.Program();
        var deterministic = SecondsOf(shape, program, new CudaBackendOptions { Ordinal = ordinal, Deterministic = true });
        var beside = SecondsOf(shape, program, new CudaBackendOptions { Ordinal = ordinal });
        var library = SecondsOf(shape, program, new CudaBackendOptions { Ordinal = ordinal, FewRowProducts = FewRowProducts.Library });
        var inTurn = SecondsOf(shape, program, new CudaBackendOptions { Ordinal = ordinal, EarlyLaunches = false });
        using var backend = new CudaBackend(program, new CudaBackendOptions { Ordinal = ordinal });
        BenchmarkShape.LoadWeights(backend, program);

        // Slots 0 … n - 1 have all seven projections, n … 2 n - 1 those of attention.
        var session = new StepSession(
            backend, program, [.. Copies(shape.Many, program, _ => true), .. Copies(shape.Many, program, BenchmarkShape.IsAttention)], shape.Many, shape.Context);
        var cost = StepCost.Of(program, backend, limits);
        var plain = StepSession.Best(session.Decode(shape.Batch, _ => -1), shape.Milliseconds);
        var floor = cost.Seconds(shape.Batch, shape.Context);
        var words = cost.Formula(shape.Batch, shape.Context);
        yield return new("decode.base", $"decode step, batch {shape.Batch}, context {shape.Context}, no adapter", plain / floor, "x", Bar.AtMost(1.4), $"{words}; aim 1.25 x");
        yield return new("decode.base.rate", "the same", shape.Batch / plain, "tokens/s", null, FormattableString.Invariant($"{shape.Batch / floor:F0} tokens/s"));
        foreach (var row in backend.ProductChoices.Select(choice => Product(choice, limits)))
        {
            yield return row;
        }

        yield return new("decode.library", "the same with products by cuBLASLt alone, beside it", library / beside, "x", null, "1 x: nothing but what our kernel saves");
        yield return new("decode.in-turn", "the same with every kernel behind the end of the one before, beside it", inTurn / beside, "x", null, "1 x: nothing but what beginning early saves");
        yield return new("decode.deterministic", "the same in deterministic mode, beside it", deterministic / beside, "x", null, "1 x: nothing but its cost");
        foreach (var row in AdapterCost.Rows(shape, session, cost).Concat(PopularityMixes.Rows(shape, session, cost)).Concat(AdapterLoads.Rows(shape, backend, session, cost)))
        {
            yield return row;
        }
    }

    private static BenchmarkRow Product(ProductChoice choice, DeviceLimits limits) => new(
        FormattableString.Invariant($"product.{choice.Outputs}x{choice.Inputs}"),
        FormattableString.Invariant($"product of {choice.Rows} rows, {choice.Outputs} x {choice.Inputs}, by our kernel in {choice.Planes} planes, behind a norm that writes them"),
        choice.OwnSeconds * 1e6,
        "us",
        null,
        FormattableString.Invariant($"{choice.LibrarySeconds * 1e6:F1} by cuBLASLt, {2.0 * choice.Outputs * choice.Inputs / limits.CopyRate * 1e6:F1} its bytes"));

    private static double SecondsOf(BenchmarkShape shape, ModelProgram program, CudaBackendOptions options)
    {
        using var backend = new CudaBackend(program, options);
        BenchmarkShape.LoadWeights(backend, program);
        var session = new StepSession(backend, program, [StepSession.Adapter(program, Rank, _ => true)], shape.Many, shape.Context);
        return StepSession.Best(session.Decode(shape.Batch, _ => -1), shape.Milliseconds);
    }

    private static IEnumerable<AdapterWeights> Copies(int count, ModelProgram program, Func<LoraSlice, bool> takes) =>
        Enumerable.Repeat(StepSession.Adapter(program, Rank, takes), count);
}
