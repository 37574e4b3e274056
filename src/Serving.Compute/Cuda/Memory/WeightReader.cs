using System.Buffers;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Reads rows of the matrices back as they are multiplied with, on a stream of its own beside steps: what DoRA's factors are worked out from. From any threads, one copy after the other; of a matrix of integers
/// whole strips come over the bus, each once for a thread that reads its rows in order.
/// </summary>
internal sealed class WeightReader : IDisposable
{
    private readonly IReadOnlyList<WeightSpec> _specs;
    private readonly DeviceWeights _weights;
    private readonly CudaStream _stream;
    private readonly Lock _gate = new();
    private readonly ThreadLocal<Strip> _strips = new(() => new Strip());

    /// <summary>A reader of a program's weights, which are all loaded.</summary>
    public WeightReader(ModelProgram program, DeviceWeights weights, CudaContext context)
    {
        _specs = program.Weights;
        _weights = weights;
        _stream = CudaStream.Create(context);
    }

    /// <summary>Reads rows of a matrix in fp32.</summary>
    public void Read(int weight, int firstRow, int rows, Span<float> values)
    {
        var spec = _specs[weight];
        if (spec.Format == WeightFormat.BFloat16)
        {
            ReadElements(weight, firstRow, rows, spec.Columns, values);
            return;
        }

        for (var row = 0; row < rows; row++)
        {
            ReadIntegers(weight, spec, firstRow + row, values.Slice(row * spec.Columns, spec.Columns));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _strips.Dispose();
    }

    private void ReadElements(int weight, int firstRow, int rows, int columns, Span<float> values)
    {
        var stride = Strides.Of(columns);
        var elements = ArrayPool<ushort>.Shared.Rent(checked(rows * stride));
        Copy(weight, (long)firstRow * stride * sizeof(ushort), elements.AsSpan(0, rows * stride));
        for (var i = 0; i < rows * columns; i++)
        {
            values[i] = BFloat16Bits.ToSingle(elements[(i / columns * stride) + (i % columns)]);
        }

        ArrayPool<ushort>.Shared.Return(elements);
    }

    private void ReadIntegers(int weight, WeightSpec spec, int row, Span<float> values)
    {
        var (strip, bytes) = (_strips.Value!, IntegerStrips.StripBytes(spec.Format, spec.Columns));
        var (number, within) = IntegerStrips.PlaceOf(spec, row);
        if (strip.Of != (weight, number))
        {
            strip.Bytes = strip.Bytes.Length == bytes ? strip.Bytes : new byte[bytes];
            strip.Of = (-1, 0);
            Copy(weight, (long)number * bytes, strip.Bytes.AsSpan());
            strip.Of = (weight, number);
        }

        IntegerStrips.Read(spec.Format, strip.Bytes, within, values);
    }

    private void Copy<T>(int weight, long offset, Span<T> values)
        where T : unmanaged
    {
        lock (_gate)
        {
            _stream.Context.MakeCurrent();
            _weights.CopyTo(weight, offset, values, _stream);
        }
    }

    private sealed class Strip
    {
        public (int Weight, int Number) Of { get; set; } = (-1, 0);

        public byte[] Bytes { get; set; } = [];
    }
}
