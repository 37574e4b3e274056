using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>
/// The model with its matrices as integers: decoding steps held against reading these bytes, a step of many rows, for which they are decoded, and the widest of its matrices by itself both ways. Of the formats that
/// only checkpoints bring, the widest matrix alone.
/// </summary>
internal sealed class IntegersBenchmark(int ordinal, BenchmarkShape shape, DeviceLimits limits, WeightFormat format) : MeasurementGroup
{
    /// <summary>Part of what bandwidth is measured with that is taken for weights to be multiplied with by turns: many times what a device's cache holds.</summary>
    private const int RotatedPart = 10;

    private CudaBackend? _backend;
    private StepSession? _session;
    private StepCost? _cost;

    /// <inheritdoc/>
    public override string Name => $"integers, {Word}";

    /// <inheritdoc/>
    public override IReadOnlyList<Measurement> Measurements =>
    [
        .. HasSteps ? new Measurement[] { new([$"{Word}.decode"], () => [Decode($"{Word}.decode", shape.Batch)]), new([$"{Word}.decode.one"], () => [Decode($"{Word}.decode.one", 1)]) } : [],
        new([$"{Word}.product", $"{Word}.dequantize"], Kernels),
    ];

    private bool HasSteps => format is WeightFormat.Int8 or WeightFormat.Int4;

    private string Word => KernelSet.WordOf(format);

    private ModelProgram Program => ProgramQuantization.Apply(shape.Program(), format);

    /// <inheritdoc/>
    public override void SetUp()
    {
        if (!HasSteps)
        {
            return;
        }

        var program = Program;
        _backend = new CudaBackend(program, new CudaBackendOptions { Ordinal = ordinal });
        BenchmarkShape.LoadWeights(_backend, program);
        _session = new StepSession(_backend, program, [StepSession.Adapter(program, DecodeBenchmark.Rank, _ => true)], shape.Batch, shape.Context);
        _cost = StepCost.Of(program, _backend, limits);
    }

    /// <inheritdoc/>
    public override void Dispose() => _backend?.Dispose();

    private BenchmarkRow Decode(string key, int sequences)
    {
        var (session, cost) = (_session!, _cost!);
        var seconds = StepSession.Best(session.Decode(sequences, _ => -1), shape.Milliseconds);
        return new(key, $"decode step in {Word}, batch {sequences}, context {shape.Context}, no adapter", seconds / cost.Seconds(sequences, shape.Context), "x", null, cost.Formula(sequences, shape.Context));
    }

    /// <summary>The widest matrix: multiplied with by the kernel that reads integers, and decoded.</summary>
    private IEnumerable<BenchmarkRow> Kernels()
    {
        var matrix = Program.Weights.Where(weight => weight.Kind == WeightKind.Matrix && weight.Format == format).MaxBy(weight => (long)weight.Rows * weight.Columns)!;
        var bytes = IntegerStrips.BytesOf(matrix);
        var copies = (int)Math.Max(1, shape.CopyBytes / RotatedPart / bytes);
        using var context = CudaContext.Create(CudaDevice.Get(ordinal));
        using var stream = CudaStream.Create(context);
        using var module = CudaModule.Load(context, KernelImage.Read());
        using var weights = CudaDeviceBuffer.Allocate(context, bytes * copies);
        using var input = CudaDeviceBuffer.Allocate(context, (long)shape.Batch * Strides.Of(matrix.Columns) * sizeof(ushort));
        using var output = CudaDeviceBuffer.Allocate(context, (long)Math.Max(shape.Batch * sizeof(float), Strides.Of(matrix.Columns) * sizeof(ushort)) * Strides.Of(matrix.Rows));
        using var count = CudaDeviceBuffer.Allocate(context, sizeof(int));
        weights.Clear(stream);
        input.Clear(stream);
        count.CopyFrom<int>(0, [shape.Batch], stream);
        var kernels = new KernelSet(module, context.Device.SharedBytes);
        if (kernels.ProductOf(format) is { } product)
        {
            var parameters = new ProductParameters
            {
                Input = input.Address,
                Output = output.Address,
                RowCount = count.Address,
                Outputs = matrix.Rows,
                Inputs = matrix.Columns,
                Planes = 1,
                InputStride = Strides.Of(matrix.Columns),
                OutputStride = Strides.Of(matrix.Rows),
            };
            var blocks = new CudaGrid(Math.Min(context.Device.Multiprocessors, (matrix.Rows + 127) / 128));
            var seconds = Seconds(address => product.Kernel.Launch(stream, blocks, product.Threads, product.SharedBytes, parameters with { Weight = address }));
            yield return Row("product", $"product of {shape.Batch} rows, {matrix.Rows} x {matrix.Columns}, by the kernel that reads {Word}", seconds, bytes);
        }

        var decode = kernels.DequantizeOf(format);
        var decoded = new DequantizeParameters { Output = output.Address, Outputs = matrix.Rows, Inputs = matrix.Columns, OutputStride = Strides.Of(matrix.Columns) };
        var grid = new CudaGrid(IntegerStrips.StripsOf(matrix.Rows) * IntegerStrips.BlocksOf(matrix.Columns));
        var taken = Seconds(address => decode.Kernel.Launch(stream, grid, decode.Threads, decode.SharedBytes, decoded with { Weight = address }));
        yield return Row("dequantize", $"{matrix.Rows} x {matrix.Columns} from {Word} to bf16", taken, bytes + ((long)matrix.Rows * Strides.Of(matrix.Columns) * sizeof(ushort)));

        double Seconds(Action<ulong> launch) => DeviceLimits.Seconds(context, stream, () =>
        {
            for (var i = 0; i < copies; i++)
            {
                launch(weights.Address + ((ulong)i * (ulong)bytes));
            }
        }) / copies;
    }

    private BenchmarkRow Row(string name, string words, double seconds, long bytes) =>
        new($"{Word}.{name}", words, seconds * 1e6, "us", null, FormattableString.Invariant($"{bytes / limits.CopyRate * 1e6:F1} its {bytes / 1e6:F1} MB"));
}
