using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Compute.Steps;

namespace Serving.Engine.Tests.Loading;

/// <summary>Keeps the weights it is handed, as bf16, and which elements were handed.</summary>
internal sealed class RecordingBackend(ModelProgram program) : IComputeBackend
{
    private readonly ushort[][] _weights = [.. program.Weights.Select(weight => new ushort[weight.Rows * weight.Columns])];
    private readonly int[] _elements = new int[program.Weights.Count];

    public string Name => "recording";

    public string InstructionSet => "none";

    public int ThreadCount => 1;

    public long PageBytes => program.Shape.PageBytes;

    public int LargestChunk { get; private set; }

    public ReadOnlySpan<ushort> this[string name] => _weights[program.Weights.Single(weight => weight.Name == name).Index];

    public IReadOnlyList<ushort[]> Values => _weights;

    /// <summary>By weight, row and column, what was handed as integers: scale × integer, and the offset where there is one.</summary>
    public Dictionary<(int Weight, int Row, int Column), float> Integers { get; } = [];

    public bool IsComplete => program.Weights.All(weight => _elements[weight.Index] == weight.Rows * weight.Columns);

    public long PackedBytes(int weight) => 2L * _weights[weight].Length;

    public void LoadWeight(int weight, int firstRow, ReadOnlySpan<ushort> values)
    {
        var spec = program.Weights[weight];
        var first = spec.Kind == WeightKind.Vector ? firstRow : firstRow * spec.Columns;
        values.CopyTo(_weights[weight].AsSpan(first));
        _elements[weight] += values.Length;
        LargestChunk = Math.Max(LargestChunk, values.Length);
    }

    /// <summary>By weight, vectors in fp32.</summary>
    public Dictionary<int, float[]> Floats { get; } = [];

    public void LoadFloats(int weight, int firstElement, ReadOnlySpan<float> values)
    {
        Floats.TryAdd(weight, new float[program.Weights[weight].Columns]);
        values.CopyTo(Floats[weight].AsSpan(firstElement));
        _elements[weight] += values.Length;
    }

    public void LoadIntegers(int weight, int firstRow, ReadOnlySpan<sbyte> values, ReadOnlySpan<ushort> scales)
    {
        var spec = program.Weights[weight];
        var (padded, groups, count) = (BlockQuantizer.PaddedColumns(spec.Columns), BlockQuantizer.GroupCount(spec.Columns), BlockQuantizer.ScaleCount(spec.Format, spec.Columns));
        for (var row = 0; row < values.Length / padded; row++)
        {
            for (var column = 0; column < spec.Columns; column++)
            {
                var group = (row * count) + (column / BlockQuantizer.GroupSize);
                var offset = count > groups ? BFloat16Bits.ToSingle(scales[group + groups]) : 0;
                Integers[(weight, firstRow + row, column)] = (values[(row * padded) + column] * BFloat16Bits.ToSingle(scales[group])) + offset;
            }

            _elements[weight] += spec.Columns;
        }
    }

    public void AllocatePool(PoolShape pool, StepLimits limits) => throw new NotSupportedException();

    public long PreparedBytesOf(AdapterWeights adapter) => throw new NotSupportedException();

    public IPreparedAdapter PrepareAdapter(AdapterWeights adapter, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public void PackAdapter(int slot, IPreparedAdapter adapter, ReadOnlySpan<int> pages) => throw new NotSupportedException();

    public void CopyToHost(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages) => throw new NotSupportedException();

    public void CopyFromHost(ReadOnlySpan<int> hostPages, ReadOnlySpan<int> pages) => throw new NotSupportedException();

    public void Execute(StepInputs inputs, StepOutputs outputs) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
