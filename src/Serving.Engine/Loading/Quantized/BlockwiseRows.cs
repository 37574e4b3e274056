using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>
/// A matrix of four bits as bitsandbytes keeps it: its elements one after the other whatever row they are of, two in a byte, the first in the upper half; w = map[code] × the block's absolute
/// maximum. With double quantization that is itself nested_map[code] × nested maximum + offset, each operation rounded to fp32.
/// </summary>
internal sealed class BlockwiseRows : QuantizedRows
{
    private const int Codes = 16;
    private const int NestedCodes = 256;

    private readonly QuantState _state;
    private readonly int _columns;
    private readonly StoredTensor _weight;
    private readonly StoredTensor _maxima;
    private readonly float[] _map;
    private readonly StoredTensor? _nestedMaxima;
    private readonly float[] _nestedMap = [];

    /// <summary>Checks the tensors of a module.</summary>
    /// <exception cref="MalformedFileException">One is missing, or of another type or shape.</exception>
    public BlockwiseRows(ModuleTensors module, QuantState state, int rows, int columns)
        : base(module.Name, columns)
    {
        var elements = (long)rows * columns;
        var blocks = (elements + state.BlockSize - 1) / state.BlockSize;
        (_state, _columns) = (state, columns);

        // Bytes may be kept as elements of another type (bnb_4bit_quant_storage).
        _weight = module.Get("weight").Of(TensorType.U8, TensorType.BF16, TensorType.F16, TensorType.F32);
        if (_weight.Entry.End - _weight.Entry.Begin != (elements + 1) / 2)
        {
            throw new MalformedFileException($"tensor {MalformedFileException.Quote(_weight.Name)} has not the bytes of {elements} codes of four bits");
        }

        _map = module.Get("weight.quant_map").Of(TensorType.F32).Shaped(Codes).ReadSingles(0, Codes);
        _maxima = module.Get("weight.absmax").Of(state.NestedBlockSize > 0 ? TensorType.U8 : TensorType.F32).Shaped(blocks);
        if (state.NestedBlockSize > 0)
        {
            _nestedMaxima = module.Get("weight.nested_absmax").Of(TensorType.F32).Shaped((blocks + state.NestedBlockSize - 1) / state.NestedBlockSize);
            _nestedMap = module.Get("weight.nested_quant_map").Of(TensorType.F32).Shaped(NestedCodes).ReadSingles(0, NestedCodes);
        }
    }

    /// <inheritdoc/>
    protected override RowDecoder Open(int firstRow, int rows, LoadScratch scratch)
    {
        var (first, end) = ((long)firstRow * _columns, ((long)firstRow + rows) * _columns);
        var (firstByte, firstBlock) = (first / 2, first / _state.BlockSize);
        var bytes = scratch.Bytes((int)(((end + 1) / 2) - firstByte));
        _weight.Read(firstByte, bytes.Span);
        var maxima = ReadMaxima(firstBlock, (int)(((end - 1) / _state.BlockSize) - firstBlock + 1));
        return (row, destination) =>
        {
            var element = first + ((long)row * _columns);
            while (destination.Length > 0)
            {
                // What is left of the block.
                var block = element / _state.BlockSize;
                var part = destination[..(int)Math.Min(((block + 1) * _state.BlockSize) - element, destination.Length)];
                Decode(bytes.Span, (int)(element - (2 * firstByte)), maxima[(int)(block - firstBlock)], part);
                element += part.Length;
                destination = destination[part.Length..];
            }
        };
    }

    private void Decode(ReadOnlySpan<byte> codes, int first, float maximum, Span<float> destination)
    {
        var map = _map;
        for (var i = 0; i < destination.Length; i++)
        {
            var place = first + i;
            var pair = codes[place >> 1];
            destination[i] = map[(place & 1) == 0 ? pair >> 4 : pair & 15] * maximum;
        }
    }

    private float[] ReadMaxima(long first, int count)
    {
        if (_nestedMaxima is not { } nested)
        {
            return _maxima.ReadSingles(first, count);
        }

        var codes = new byte[count];
        _maxima.Read(first, codes);
        var firstNested = first / _state.NestedBlockSize;
        var maxima = nested.ReadSingles(firstNested, (int)(((first + count - 1) / _state.NestedBlockSize) - firstNested + 1));
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            values[i] = (_nestedMap[codes[i]] * maxima[(int)(((first + i) / _state.NestedBlockSize) - firstNested)]) + _state.NestedOffset;
        }

        return values;
    }
}
