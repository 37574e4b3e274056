using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>A program's weights and its rotary table on the device: row-major bf16 as in the checkpoint, rows padded with zeros to the stride.</summary>
internal sealed class DeviceWeights : IDisposable
{
    private readonly IReadOnlyList<WeightSpec> _specs;
    private readonly CudaDeviceBuffer?[] _buffers;
    private readonly CudaContext _context;
    private readonly CudaStream _stream;

    /// <summary>Copies the rotary table; weights take their memory when their first rows are loaded.</summary>
    public DeviceWeights(ModelProgram program, CudaContext context, CudaStream stream)
    {
        _specs = program.Weights;
        _buffers = new CudaDeviceBuffer?[_specs.Count];
        _context = context;
        _stream = stream;
        Cosines = Upload(program.Rope.Cosines);
        Sines = Upload(program.Rope.Sines);
    }

    /// <summary>Cosines, [position, pair] in fp32.</summary>
    public CudaDeviceBuffer Cosines { get; }

    /// <summary>Sines.</summary>
    public CudaDeviceBuffer Sines { get; }

    /// <summary>Bytes of a weight on the device.</summary>
    public static long BytesOf(WeightSpec weight) => (long)weight.Rows * Strides.Of(weight.Columns) * sizeof(ushort);

    /// <summary>Where a weight lies; 0 for none.</summary>
    public ulong AddressOf(int? weight) => weight is { } index ? Take(index).Address : 0;

    /// <summary>Elements from row to row of a weight.</summary>
    public int StrideOf(int weight) => Strides.Of(_specs[weight].Columns);

    /// <summary>Copies rows (elements of a vector) to the device; the source is free when it returns.</summary>
    public void Load(int weight, int firstRow, ReadOnlySpan<ushort> values)
    {
        var spec = _specs[weight];
        var width = spec.Kind == WeightKind.Vector ? 1 : spec.Columns;
        var length = spec.Kind == WeightKind.Vector ? spec.Columns : spec.Rows;
        if (values.Length % width != 0 || firstRow < 0 || values.Length / width > length - firstRow)
        {
            throw new ComputeException($"Rows {firstRow} … of {values.Length} values do not lie in weight {spec.Name} of {length} rows of {width}.");
        }

        var stride = spec.Kind == WeightKind.Vector ? 1 : Strides.Of(width);
        var buffer = Take(weight);
        if (stride == width)
        {
            buffer.CopyFrom((long)firstRow * width * sizeof(ushort), values, _stream);
            return;
        }

        var padded = new ushort[values.Length / width * stride];
        for (var row = 0; row < values.Length / width; row++)
        {
            values.Slice(row * width, width).CopyTo(padded.AsSpan(row * stride));
        }

        buffer.CopyFrom<ushort>((long)firstRow * stride * sizeof(ushort), padded, _stream);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Cosines.Dispose();
        Sines.Dispose();
        foreach (var buffer in _buffers)
        {
            buffer?.Dispose();
        }
    }

    private CudaDeviceBuffer Take(int weight)
    {
        if (_buffers[weight] is { } taken)
        {
            return taken;
        }

        var buffer = CudaDeviceBuffer.Allocate(_context, BytesOf(_specs[weight]));
        buffer.Clear(_stream);
        return _buffers[weight] = buffer;
    }

    private CudaDeviceBuffer Upload(float[] values)
    {
        var buffer = CudaDeviceBuffer.Allocate(_context, Math.Max(1, values.Length) * (long)sizeof(float));
        buffer.CopyFrom<float>(0, values, _stream);
        return buffer;
    }
}
