using Serving.Compute.Programs;
using Serving.Engine.Loading.Gguf.Blocks;
using Serving.Engine.Loading.Quantized;

namespace Serving.Engine.Loading.Gguf;

/// <summary>A matrix in blocks without minimums, or the rows of one expert in it: groups of codes and scales, which formats of integers hold where groups are of 32 columns.</summary>
/// <param name="content">The file.</param>
/// <param name="tensor">The tensor.</param>
/// <param name="format">Its blocks.</param>
/// <param name="columns">Inputs.</param>
/// <param name="start">The tensor's row that is the first here.</param>
internal sealed class ScaledRows(IGgufContent content, GgufTensor tensor, BlockFormat format, int columns, long start)
    : GroupedRows(tensor.Name, columns, format.GroupColumns, columns / format.GroupColumns)
{
    /// <inheritdoc/>
    protected override WeightFormat IntegerFormat => format.IntegerFormat;

    /// <inheritdoc/>
    protected override GroupDecoder OpenGroups(int firstRow, int rows, LoadScratch scratch)
    {
        var rowBytes = (int)tensor.RowBytes;
        var bytes = scratch.Bytes(checked(rows * rowBytes));
        content.Read(tensor.Offset + ((start + firstRow) * rowBytes), bytes.Span);
        return (row, codes, scales) =>
        {
            var blocks = bytes.Span.Slice(row * rowBytes, rowBytes);
            for (var block = 0; block < blocks.Length / format.Bytes; block++)
            {
                format.Decode(
                    blocks.Slice(block * format.Bytes, format.Bytes),
                    codes.Slice(block * format.Columns, format.Columns),
                    scales.Slice(block * format.Groups, format.Groups),
                    []);
            }
        };
    }
}
