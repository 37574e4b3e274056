using System.Runtime.InteropServices;
using Serving.Compute.Programs;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>
/// A matrix kept input by input: <c>qweight</c>, <c>qzeros</c> [groups, outputs ÷ codes of a word], <c>scales</c> [groups, outputs]. Of each of their rows only the outputs that are asked
/// for are read.
/// </summary>
internal sealed class TransposedRows : GroupedRows
{
    private readonly TransposedLayout _layout;
    private readonly StoredTensor _codes;
    private readonly StoredTensor _zeros;
    private readonly StoredTensor _scales;
    private readonly int _groups;

    private TransposedRows(ModuleTensors module, TransposedLayout layout, int rows, int columns, int groupSize, int groups)
        : base(module.Name, columns, groupSize, groups)
    {
        if (columns % layout.PerWord != 0 || rows % layout.PerWord != 0)
        {
            throw new MalformedFileException($"the matrix of {MalformedFileException.Quote(module.Name)} does not fill words of {layout.PerWord} codes");
        }

        (_layout, _groups) = (layout, groups);
        var (high, wide) = layout.PacksInputs ? (columns / layout.PerWord, rows) : (columns, rows / layout.PerWord);
        _codes = module.Get("qweight").Of(TensorType.I32).Shaped(high, wide);
        _zeros = module.Get("qzeros").Of(TensorType.I32).Shaped(groups, rows / layout.PerWord);
        _scales = module.Get("scales").Of(TensorType.F16, TensorType.BF16, TensorType.F32).Shaped(groups, rows);
        GroupOfColumn = module.Find("g_idx") is { } order ? GroupOrder.Read(order, columns, groups) : null;
    }

    /// <summary>With all zero points in the middle, differences have the bits of the codes; else one more.</summary>
    protected override WeightFormat IntegerFormat => (_layout.Bits, IsSymmetric()) switch
    {
        (4, true) => WeightFormat.Int4,
        (4, false) or (8, true) => WeightFormat.Int8,
        _ => WeightFormat.BFloat16,
    };

    /// <inheritdoc/>
    protected override bool IsFourBitsFromZeroPoints => _layout.Bits == 4 && !IsSymmetric();

    /// <summary>Checks the tensors of a module.</summary>
    /// <exception cref="MalformedFileException">One is missing, or of another type or shape.</exception>
    public static TransposedRows Open(ModuleTensors module, TransposedLayout layout, int rows, int columns, int groupSize) =>
        new(module, layout, rows, columns, groupSize, (columns + groupSize - 1) / groupSize);

    /// <inheritdoc/>
    protected override GroupDecoder OpenGroups(int firstRow, int rows, LoadScratch scratch)
    {
        var firstWord = firstRow / _layout.PerWord;
        var words = ((firstRow + rows - 1) / _layout.PerWord) - firstWord + 1;
        var (first, width) = _layout.PacksInputs ? (firstRow, rows) : (firstWord, words);
        var codes = scratch.Bytes(checked((int)_codes.Entry.Shape[0] * width * sizeof(int)));
        ReadColumns(_codes, first, width, codes.Span);
        var zeros = new byte[_groups * words * sizeof(int)];
        ReadColumns(_zeros, firstWord, words, zeros);
        var scales = ReadScales(firstRow, rows);
        return (row, differences, rowScales) =>
        {
            var (output, word) = (firstRow + row, ((firstRow + row) / _layout.PerWord) - firstWord);
            Unpack(MemoryMarshal.Cast<byte, int>(codes.Span), width, _layout.PacksInputs ? row : word, output, differences);
            var rowZeros = new float[_groups];
            for (var group = 0; group < _groups; group++)
            {
                rowZeros[group] = _layout.Code(MemoryMarshal.Cast<byte, int>(zeros)[(group * words) + word], output) + _layout.ZeroOffset;
                rowScales[group] = scales[(group * rows) + row];
            }

            Subtract(differences, rowZeros);
        };
    }

    /// <summary>The codes of an output as floats.</summary>
    private void Unpack(ReadOnlySpan<int> words, int width, int column, int output, Span<float> destination)
    {
        var (perWord, mask) = (_layout.PerWord, (1 << _layout.Bits) - 1);
        if (!_layout.PacksInputs)
        {
            var shift = _layout.ShiftOf(output);
            for (int i = 0, at = column; i < destination.Length; i++, at += width)
            {
                destination[i] = (words[at] >> shift) & mask;
            }

            return;
        }

        for (var i = 0; i < destination.Length; i += perWord)
        {
            var word = words[(i / perWord * width) + column];
            for (var k = 0; k < perWord; k++, word >>= _layout.Bits)
            {
                destination[i + k] = word & mask;
            }
        }
    }

    private bool IsSymmetric()
    {
        var middle = (1 << (_layout.Bits - 1)) - _layout.ZeroOffset;
        var word = 0;
        for (var place = 0; place < _layout.PerWord; place++)
        {
            word |= middle << (place * _layout.Bits);
        }

        for (var group = 0; group < _groups; group++)
        {
            var width = (int)_zeros.Entry.Shape[1];
            if (_zeros.ReadIntegers((long)group * width, width).AsSpan().ContainsAnyExcept(word))
            {
                return false;
            }
        }

        return true;
    }

    private float[] ReadScales(int firstRow, int rows)
    {
        var scales = new float[_groups * rows];
        for (var group = 0; group < _groups; group++)
        {
            _scales.ReadSingles(((long)group * _scales.Entry.Shape[1]) + firstRow, rows).CopyTo(scales, group * rows);
        }

        return scales;
    }

    /// <summary>Neighbouring columns of a matrix of words, row after row.</summary>
    private static void ReadColumns(StoredTensor tensor, int first, int count, Span<byte> destination)
    {
        var (height, width, bytes) = ((int)tensor.Entry.Shape[0], tensor.Entry.Shape[1], count * sizeof(int));
        for (var row = 0; row < height; row++)
        {
            tensor.Read(((row * width) + first) * sizeof(int), destination.Slice(row * bytes, bytes));
        }
    }
}
