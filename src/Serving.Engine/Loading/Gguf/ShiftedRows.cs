using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Engine.Loading.Gguf.Blocks;
using Serving.Engine.Loading.Quantized;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A matrix in blocks with minimums, or the rows of one expert in it: w = scale × code − minimum. Codes of four bits in groups of 32 can be had as integers with offsets.</summary>
/// <param name="content">The file.</param>
/// <param name="tensor">The tensor.</param>
/// <param name="format">Its blocks.</param>
/// <param name="columns">Inputs.</param>
/// <param name="start">The tensor's row that is the first here.</param>
internal sealed class ShiftedRows(IGgufContent content, GgufTensor tensor, BlockFormat format, int columns, long start) : QuantizedRows(tensor.Name, columns)
{
    private readonly int _columns = columns;

    private int RowBytes => (int)tensor.RowBytes;

    /// <inheritdoc/>
    public override bool Holds(WeightFormat wanted) => wanted == WeightFormat.Int4Asymmetric && format.IntegerFormat == wanted;

    /// <inheritdoc/>
    public override void ReadIntegers(WeightFormat wanted, int firstRow, int rows, Memory<sbyte> values, Memory<ushort> scales, LoadScratch scratch)
    {
        var (padded, count) = (BlockQuantizer.PaddedColumns(_columns), BlockQuantizer.ScaleCount(wanted, _columns));
        var bytes = ReadBlocks(firstRow, rows, scratch);
        Parallel.For(0, rows, row => ToIntegers(bytes.Span.Slice(row * RowBytes, RowBytes), values.Span.Slice(row * padded, padded), scales.Span.Slice(row * count, count)));
        CheckFinite(scales.Span[..(rows * count)]);
    }

    /// <inheritdoc/>
    protected override RowDecoder Open(int firstRow, int rows, LoadScratch scratch)
    {
        var bytes = ReadBlocks(firstRow, rows, scratch);
        return (row, destination) => Decode(bytes.Span.Slice(row * RowBytes, RowBytes), destination);
    }

    private Memory<byte> ReadBlocks(int firstRow, int rows, LoadScratch scratch)
    {
        var bytes = scratch.Bytes(checked(rows * RowBytes));
        content.Read(tensor.Offset + ((start + firstRow) * RowBytes), bytes.Span);
        return bytes;
    }

    private void ToIntegers(ReadOnlySpan<byte> blocks, Span<sbyte> values, Span<ushort> scales)
    {
        Span<float> codes = stackalloc float[format.Columns];
        Span<float> factors = stackalloc float[2 * format.Groups];
        var ownScales = factors[..format.Groups];
        var minimums = factors[format.Groups..];
        values.Clear();
        scales.Clear();
        var offsets = scales[(scales.Length / 2)..];
        for (var group = 0; blocks.Length > 0; blocks = blocks[format.Bytes..])
        {
            format.Decode(blocks[..format.Bytes], codes, ownScales, minimums);
            for (var i = 0; i < format.Groups; i++, group++, values = values[format.GroupColumns..])
            {
                for (var k = 0; k < format.GroupColumns; k++)
                {
                    values[k] = (sbyte)codes[(i * format.GroupColumns) + k];
                }

                scales[group] = ToScale(ownScales[i]);
                offsets[group] = ToScale(OffsetGroup.Center(values[..format.GroupColumns], ownScales[i], -minimums[i]));
            }
        }
    }

    private void Decode(ReadOnlySpan<byte> blocks, Span<float> row)
    {
        Span<float> factors = stackalloc float[2 * format.Groups];
        var scales = factors[..format.Groups];
        var minimums = factors[format.Groups..];
        for (; blocks.Length > 0; blocks = blocks[format.Bytes..], row = row[format.Columns..])
        {
            format.Decode(blocks[..format.Bytes], row[..format.Columns], scales, minimums);
            for (var i = 0; i < format.Columns; i++)
            {
                var group = i / format.GroupColumns;
                row[i] = (row[i] * scales[group]) - minimums[group];
            }
        }
    }
}
