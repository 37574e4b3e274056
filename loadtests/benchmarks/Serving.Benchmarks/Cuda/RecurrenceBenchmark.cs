using System.Diagnostics;
using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Benchmarks.Cuda;

/// <summary>
/// Layers that remember alone: their convolutions and delta rules. Decoding is held against reading and writing the states; a prompt's rows follow each other, and what is told is how long one takes.
/// </summary>
internal sealed class RecurrenceBenchmark(int ordinal, BenchmarkShape shape, DeviceLimits limits) : MeasurementGroup
{
    private readonly RecurrenceSize _size = shape.Recurrence;
    private CudaBackend? _backend;
    private int _statePages;

    /// <inheritdoc/>
    public override string Name => "recurrence";

    /// <inheritdoc/>
    public override IReadOnlyList<Measurement> Measurements =>
    [
        new(["recurrence.decode"], () => [Decode("recurrence.decode", _size.DecodeRows)]),
        new(["recurrence.decode.one"], () => [Decode("recurrence.decode.one", 1)]),
        new(["recurrence.prefill"], () => [Prefill("recurrence.prefill")]),
    ];

    private StepLimits Limits => new(_size.PrefillRows, _size.DecodeRows, _size.DecodeRows, _size.PrefillRows);

    /// <inheritdoc/>
    public override void SetUp()
    {
        var program = _size.Program();
        _statePages = program.Shape.StatePages;
        _backend = new CudaBackend(program, new CudaBackendOptions { Ordinal = ordinal });
        BenchmarkShape.LoadWeights(_backend, program);

        // Two versions for each sequence, and the page that rows would append to.
        _backend.AllocatePool(new PoolShape((_size.DecodeRows * 2 * _statePages) + 1, _backend.PageBytes, 1), Limits);
    }

    /// <inheritdoc/>
    public override void Dispose() => _backend?.Dispose();

    private BenchmarkRow Decode(string key, int sequences)
    {
        Seconds(Step(sequences, 1, isFirst: true), 1);
        var seconds = Seconds(Step(sequences, 1, isFirst: false), Repeats) / _size.Layers;
        var bytes = sequences * _size.BytesPerRow;
        return new(
            key,
            $"layers that remember, decoding {sequences} rows, {_size.Heads.ValueHeads} heads of {_size.Heads.KeySize} x {_size.Heads.ValueSize}, of the copy bandwidth",
            100 * bytes / seconds / limits.CopyRate,
            "%",
            null,
            FormattableString.Invariant($"{limits.Time(bytes)} per layer: {seconds * 1e6:G4} us"));
    }

    private BenchmarkRow Prefill(string key)
    {
        var seconds = Seconds(Step(1, _size.PrefillRows, isFirst: true), Repeats) / _size.Layers;
        return new(
            key,
            $"layers that remember, a prompt of {_size.PrefillRows} rows, a row of a layer",
            seconds / _size.PrefillRows * 1e6,
            "us",
            null,
            FormattableString.Invariant($"about 610 cycles of a multiprocessor, 0.35 us at 1.75 GHz; per layer: {seconds * 1e3:G4} ms"));
    }

    private int Repeats => shape.Milliseconds > 0 ? 20 : 1;

    /// <summary>Sequences of so many rows each: their first, or one that goes on from the version that their first step left.</summary>
    private StepInputs Step(int sequences, int rows, bool isFirst)
    {
        var inputs = new StepInputs();
        for (var page = 0; page < sequences * 2 * _statePages; page++)
        {
            inputs.AddStatePage(page);
        }

        for (var sequence = 0; sequence < sequences; sequence++)
        {
            var versions = 2 * sequence * _statePages;
            inputs.AddSequence(new StepSequence
            {
                FirstRow = inputs.RowCount,
                RowCount = rows,
                FirstEntry = inputs.EntryCount,
                StateRead = isFirst ? -1 : versions,
                StateWrite = isFirst ? versions : versions + _statePages,
            });
            inputs.AddSegment(inputs.RowCount, rows, -1);
            for (var row = 0; row < rows; row++)
            {
                inputs.AddRow(RecurrenceSize.TokenOf(inputs.RowCount), 0, _size.DecodeRows * 2 * _statePages, 0);
            }

            if (rows == 1)
            {
                inputs.AddOutput(new SampleRow { Row = inputs.RowCount - 1, TargetToken = -1, TopLogprobs = -1, TopP = 1, RepetitionPenalty = 1 });
            }
        }

        return inputs;
    }

    private double Seconds(StepInputs inputs, int repeats) => StepTime.Seconds(_backend!, inputs, new StepOutputs(Limits, 1), repeats);
}
