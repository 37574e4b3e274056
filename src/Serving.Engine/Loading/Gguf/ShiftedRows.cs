using Serving.Engine.Loading.Gguf.Blocks;
using Serving.Engine.Loading.Quantized;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A matrix in blocks with minimums, or the rows of one expert in it: w = scale × code − minimum.</summary>
/// <param name="content">The file.</param>
/// <param name="tensor">The tensor.</param>
/// <param name="format">Its blocks.</param>
/// <param name="columns">Inputs.</param>
/// <param name="start">The tensor's row that is the first here.</param>
internal sealed class ShiftedRows(IGgufContent content, GgufTensor tensor, BlockFormat format, int columns, long start) : QuantizedRows(tensor.Name, columns)
{
    /// <inheritdoc/>
    protected override RowDecoder Open(int firstRow, int rows, LoadScratch scratch)
    {
        var rowBytes = (int)tensor.RowBytes;
        var bytes = scratch.Bytes(checked(rows * rowBytes));
        content.Read(tensor.Offset + ((start + firstRow) * rowBytes), bytes.Span);
        return (row, destination) => Decode(bytes.Span.Slice(row * rowBytes, rowBytes), destination);
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
