using System.Diagnostics;
using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Benchmarks.Cuda;

/// <summary>
/// Layers of experts alone: routing, sorting, the products of the chosen experts, and what puts them together. Decoding is held against reading the weights of the experts that were chosen, as they are kept.
/// </summary>
internal sealed class MixtureBenchmark(int ordinal, BenchmarkShape shape, DeviceLimits limits, WeightFormat format = WeightFormat.BFloat16) : MeasurementGroup
{
    private readonly MixtureSize _size = shape.Mixture with { Format = format };
    private CudaBackend? _backend;

    /// <inheritdoc/>
    public override string Name => format == WeightFormat.BFloat16 ? "mixture of experts" : $"mixture of experts, {KernelSet.WordOf(format)}";

    /// <inheritdoc/>
    public override IReadOnlyList<Measurement> Measurements =>
    [
        new([$"{Key}.decode"], () => [Decode($"{Key}.decode", _size.DecodeRows)]),
        new([$"{Key}.decode.one"], () => [Decode($"{Key}.decode.one", 1)]),
        new([$"{Key}.prefill"], () => [Prefill($"{Key}.prefill")]),
    ];

    private string Key => format == WeightFormat.BFloat16 ? "mixture" : $"{KernelSet.WordOf(format)}.mixture";

    private StepLimits Limits => new(_size.PrefillRows, _size.DecodeRows, _size.DecodeRows, _size.PrefillRows);

    /// <inheritdoc/>
    public override void SetUp()
    {
        var program = _size.Program();
        _backend = new CudaBackend(program, new CudaBackendOptions { Ordinal = ordinal });
        BenchmarkShape.LoadWeights(_backend, program);
        for (var token = 0; token < _size.PrefillRows; token++)
        {
            _backend.LoadWeight(MixtureSize.RoutesWeight, token, RoutesOf(token));
        }

        var pages = Math.Max(_size.DecodeRows, (_size.PrefillRows + ModelShape.PageTokens - 1) / ModelShape.PageTokens);
        _backend.AllocatePool(new PoolShape(pages, _backend.PageBytes, 1), Limits);
    }

    /// <inheritdoc/>
    public override void Dispose() => _backend?.Dispose();

    /// <summary>Logits that fall from the first choice to the last, and zeros for all other experts.</summary>
    private ushort[] RoutesOf(int token)
    {
        var logits = new ushort[_size.Experts];
        var chosen = _size.ExpertsOf(token);
        for (var i = 0; i < chosen.Length; i++)
        {
            logits[chosen[i]] = BFloat16Bits.FromSingle(1 + ((chosen.Length - i) / 8f));
        }

        return logits;
    }

    private BenchmarkRow Decode(string key, int rows)
    {
        var inputs = new StepInputs();
        for (var row = 0; row < rows; row++)
        {
            AddSequence(inputs, row, 1, firstPage: row);
            inputs.AddOutput(new SampleRow { Row = row, TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 });
        }

        var seconds = SecondsPerLayer(inputs);
        var experts = _size.ChosenBy(rows);
        var bytes = (double)experts * _size.ExpertBytes;
        return new(
            key,
            $"experts, decoding {rows} rows: {experts} of {_size.Experts} experts read, of the copy bandwidth",
            100 * bytes / seconds / limits.CopyRate,
            "%",
            null,
            FormattableString.Invariant($"{limits.Time(bytes)} per layer: {seconds * 1e6:G4} us"));
    }

    private BenchmarkRow Prefill(string key)
    {
        var inputs = new StepInputs();
        AddSequence(inputs, 0, _size.PrefillRows, firstPage: 0);
        var seconds = SecondsPerLayer(inputs);
        var operations = _size.PrefillRows * _size.OperationsPerRow;
        return new(
            key,
            $"experts, a prompt of {_size.PrefillRows} rows, {_size.Choices} of {_size.Experts} experts of {_size.Hidden} x {_size.Width}",
            operations / seconds / 1e12,
            "TFLOP/s",
            null,
            FormattableString.Invariant($"{operations / 1e12:G4} TFLOP / {limits.MatrixRate / 1e12:G4} TFLOP/s = {operations / limits.MatrixRate * 1e3:G4} ms per layer: {seconds * 1e3:G4} ms"));
    }

    private double SecondsPerLayer(StepInputs inputs) =>
        StepTime.Seconds(_backend!, inputs, new StepOutputs(Limits, _size.PrefillRows), shape.Milliseconds > 0 ? 20 : 1) / _size.Layers;

    /// <summary>A sequence of tokens that are named after their rows.</summary>
    private static void AddSequence(StepInputs inputs, int firstRow, int rows, int firstPage)
    {
        var pages = (rows + ModelShape.PageTokens - 1) / ModelShape.PageTokens;
        inputs.AddSequence(new StepSequence { FirstRow = firstRow, RowCount = rows, FirstOrdinal = 0, FirstEntry = inputs.EntryCount, EntryCount = pages });
        inputs.AddSegment(firstRow, rows, -1);
        for (var i = 0; i < rows; i++)
        {
            inputs.AddRow(firstRow + i, 0, firstPage + (i / ModelShape.PageTokens), i % ModelShape.PageTokens);
        }

        for (var page = 0; page < pages; page++)
        {
            inputs.AddEntry(firstPage + page, Math.Min(ModelShape.PageTokens, rows - (page * ModelShape.PageTokens)));
        }
    }
}
