using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// A program's weights and its rotary table on the device: row-major bf16 as in the checkpoint, rows padded with zeros to the stride, vectors of recurrences in fp32 without gaps, and matrices of integers as <see cref="IntegerStrips"/>.
/// </summary>
internal sealed class DeviceWeights : IDisposable
{
    private readonly IReadOnlyList<WeightSpec> _specs;
    private readonly CudaDeviceBuffer?[] _buffers;
    private readonly Dictionary<int, IntegerUpload> _uploads = [];
    private readonly RowQuantizer _quantizer = new(Environment.ProcessorCount);
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
    public static long BytesOf(WeightSpec weight) =>
        weight.Format switch
        {
            WeightFormat.BFloat16 => (long)weight.Rows * Strides.Of(weight.Columns) * sizeof(ushort),
            WeightFormat.Float32 => (long)weight.Rows * weight.Columns * sizeof(float),
            _ => IntegerStrips.BytesOf(weight),
        };

    /// <summary>Where a weight lies; 0 for none.</summary>
    public ulong AddressOf(int? weight) => weight is { } index ? Take(index).Address : 0;

    /// <summary>Elements from row to row of a weight; of no meaning for one of integers.</summary>
    public int StrideOf(int weight) => Strides.Of(_specs[weight].Columns);

    /// <summary>Copies a part of a weight from the device, as it lies there, and waits for it.</summary>
    public void CopyTo<T>(int weight, long offset, Span<T> values, CudaStream stream)
        where T : unmanaged => Take(weight).CopyTo(offset, values, stream);

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

        if (spec.Format == WeightFormat.Float32)
        {
            throw new ComputeException($"Weight {spec.Name} is kept in fp32, and loaded so.");
        }

        if (spec.Format != WeightFormat.BFloat16)
        {
            var (integers, scales) = _quantizer.Quantize(spec, values);
            LoadIntegers(weight, firstRow, integers.Span, scales.Span);
            return;
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

    /// <summary>Copies elements of a vector in fp32, rows of it one behind the other, to the device; the source is free when it returns.</summary>
    public void LoadFloats(int weight, int firstElement, ReadOnlySpan<float> values)
    {
        var spec = _specs[weight];
        var length = (long)spec.Rows * spec.Columns;
        if (spec.Format != WeightFormat.Float32 || firstElement < 0 || values.Length > length - firstElement)
        {
            throw new ComputeException($"Elements {firstElement} … of {values.Length} floats do not lie in weight {spec.Name} of {length} elements in {spec.Format}.");
        }

        // An offset of a vector in bf16 is added by the kernels that read it, as it would be rounded here.
        var shifted = new float[values.Length];
        for (var i = 0; i < shifted.Length; i++)
        {
            shifted[i] = values[i] + spec.Offset;
        }

        Take(weight).CopyFrom<float>((long)firstElement * sizeof(float), shifted, _stream);
    }

    /// <summary>Copies rows of a matrix of integers; the sources are free when it returns.</summary>
    public void LoadIntegers(int weight, int firstRow, ReadOnlySpan<sbyte> values, ReadOnlySpan<ushort> scales)
    {
        var spec = _specs[weight];
        if (spec.Format is WeightFormat.BFloat16 or WeightFormat.Float32)
        {
            throw new ComputeException($"Weight {spec.Name} is not one of integers.");
        }

        if (!_uploads.TryGetValue(weight, out var upload))
        {
            _uploads.Add(weight, upload = new IntegerUpload(spec, Take(weight), _stream, Environment.ProcessorCount));
        }

        upload.Load(firstRow, values, scales);
    }

    /// <summary>Everything that was loaded is on the device; nothing is loaded from here on.</summary>
    public void Settle()
    {
        foreach (var upload in _uploads.Values)
        {
            upload.Settle();
        }

        _uploads.Clear();
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
