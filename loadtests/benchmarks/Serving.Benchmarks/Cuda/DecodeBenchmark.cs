using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Launches;

namespace Serving.Benchmarks.Cuda;

/// <summary>
/// Whole decoding steps of one loaded model: without adapters, with them, in Punica's mixes, beside an adapter's load; last beside backends with other options, each of which loads the model
/// once more.
/// </summary>
internal sealed class DecodeBenchmark(int ordinal, BenchmarkShape shape, DeviceLimits limits) : MeasurementGroup
{
    /// <summary>Rank of all adapters here.</summary>
    public const int Rank = 16;

    /// <summary>Times that a step and what it is held against take turns.</summary>
    private const int Turns = 2;

    private DecodeSetUp? _setUp;

    /// <inheritdoc/>
    public override string Name => "decode";

    /// <inheritdoc/>
    public override IReadOnlyList<Measurement> Measurements =>
    [
        new(["decode.base", "decode.base.rate"], Base),
        new(["product.*"], () => Loaded.Backend.ProductChoices.Select(choice => Product(choice, limits))),
        .. AdapterCost.Measurements(() => Loaded),
        .. PopularityMixes.Measurements(() => Loaded),
        .. AdapterLoads.Measurements(() => Loaded),
        Beside("decode.in-turn", "with every kernel behind the end of the one before", "what beginning early saves", new CudaBackendOptions { Ordinal = ordinal, EarlyLaunches = false }),
        Beside("decode.library", "with products by cuBLASLt alone", "what our kernel saves", new CudaBackendOptions { Ordinal = ordinal, FewRowProducts = FewRowProducts.Library }),
        Beside("decode.deterministic", "in deterministic mode", "its cost", new CudaBackendOptions { Ordinal = ordinal, Deterministic = true }),
    ];

    /// <inheritdoc/>
    public override void SetUp() => _setUp = new DecodeSetUp(ordinal, shape, limits);

    /// <inheritdoc/>
    public override void Dispose() => _setUp?.Dispose();

    private DecodeSetUp Loaded => _setUp ?? throw new InvalidOperationException("Nothing is loaded.");

    private IEnumerable<BenchmarkRow> Base()
    {
        var plain = Loaded.Plain(shape.Batch);
        var floor = Loaded.Cost.Seconds(shape.Batch, shape.Context);
        var words = Loaded.Cost.Formula(shape.Batch, shape.Context);
        yield return new("decode.base", $"decode step, batch {shape.Batch}, context {shape.Context}, no adapter", plain / floor, "x", Bar.AtMost(1.4), $"{words}; aim 1.25 x");
        yield return new("decode.base.rate", "the same", shape.Batch / plain, "tokens/s", null, FormattableString.Invariant($"{shape.Batch / floor:F0} tokens/s"));
    }

    private static BenchmarkRow Product(ProductChoice choice, DeviceLimits limits) => new(
        FormattableString.Invariant($"product.{choice.Outputs}x{choice.Inputs}"),
        FormattableString.Invariant($"product of {choice.Rows} rows, {choice.Outputs} x {choice.Inputs}, by our kernel in {choice.Planes} planes, behind a norm that writes them"),
        choice.OwnSeconds * 1e6,
        "us",
        null,
        FormattableString.Invariant($"{choice.LibrarySeconds * 1e6:F1} by cuBLASLt, {2.0 * choice.Outputs * choice.Inputs / limits.CopyRate * 1e6:F1} its bytes"));

    /// <summary>A step without adapters by a backend with other options, beside the loaded one's, in turns.</summary>
    private Measurement Beside(string key, string words, string saving, CudaBackendOptions options) => new([key], () => [Compare(key, words, saving, options)]);

    private BenchmarkRow Compare(string key, string words, string saving, CudaBackendOptions options)
    {
        var program = shape.Program();
        using var backend = new CudaBackend(program, options);
        BenchmarkShape.LoadWeights(backend, program);
        var session = new StepSession(backend, program, [StepSession.Adapter(program, Rank, _ => true)], shape.Many, shape.Context);
        var (theirs, ours) = (session.Decode(shape.Batch, _ => -1), Loaded.Session.Decode(shape.Batch, _ => -1));
        var (other, beside) = (double.MaxValue, double.MaxValue);
        for (var turn = 0; turn < Turns; turn++)
        {
            other = Math.Min(other, StepSession.Best(theirs, shape.Milliseconds / Turns));
            beside = Math.Min(beside, StepSession.Best(ours, shape.Milliseconds / Turns));
        }

        return new(key, $"a decode step {words}, beside it", other / beside, "x", null, $"1 x: nothing but {saving}");
    }
}
