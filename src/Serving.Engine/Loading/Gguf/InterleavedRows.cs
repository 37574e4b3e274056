using System.Buffers;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Engine.Loading.Gguf;

/// <summary>
/// Rows of q or k whose heads the file keeps with rotated pairs side by side, as ggml rotates a Llama's: row 2i + h of a head there is row i + h × half a head here, where pairs are half
/// a head apart.
/// </summary>
/// <param name="inner">The rows as the file has them.</param>
/// <param name="headSize">Rows of a head.</param>
/// <param name="columns">Inputs; 1 for a vector.</param>
internal sealed class InterleavedRows(RowSource inner, int headSize, int columns) : RowSource
{
    /// <inheritdoc/>
    public override bool IsQuantized => inner.IsQuantized;

    /// <inheritdoc/>
    public override bool Holds(WeightFormat format) => inner.Holds(format);

    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch)
    {
        var (first, count) = HeadsOf(firstRow, values.Length / columns);
        var heads = ArrayPool<ushort>.Shared.Rent(checked(count * columns));
        inner.Read(first, heads.AsSpan(0, count * columns), scratch);
        Copy<ushort>(heads, first, firstRow, columns, values);
        ArrayPool<ushort>.Shared.Return(heads);
    }

    /// <inheritdoc/>
    public override void ReadIntegers(WeightFormat format, int firstRow, int rows, Memory<sbyte> values, Memory<ushort> scales, LoadScratch scratch)
    {
        var (padded, groups) = (BlockQuantizer.PaddedColumns(columns), BlockQuantizer.ScaleCount(format, columns));
        var (first, count) = HeadsOf(firstRow, rows);
        var (headValues, headScales) = (ArrayPool<sbyte>.Shared.Rent(checked(count * padded)), ArrayPool<ushort>.Shared.Rent(checked(count * groups)));
        inner.ReadIntegers(format, first, count, headValues.AsMemory(0, count * padded), headScales.AsMemory(0, count * groups), scratch);
        Copy<sbyte>(headValues, first, firstRow, padded, values.Span);
        Copy<ushort>(headScales, first, firstRow, groups, scales.Span);
        ArrayPool<sbyte>.Shared.Return(headValues);
        ArrayPool<ushort>.Shared.Return(headScales);
    }

    /// <summary>The whole heads that rows lie in.</summary>
    private (int First, int Count) HeadsOf(int firstRow, int rows)
    {
        var first = firstRow / headSize * headSize;
        return (first, ((firstRow + rows + headSize - 1) / headSize * headSize) - first);
    }

    private void Copy<T>(ReadOnlySpan<T> heads, int firstOfHeads, int firstRow, int width, Span<T> rows)
    {
        for (var row = firstRow; rows.Length > 0; row++, rows = rows[width..])
        {
            var (head, place) = (row / headSize * headSize, row % headSize);
            var source = head + (2 * (place % (headSize / 2))) + (place / (headSize / 2)) - firstOfHeads;
            heads.Slice(source * width, width).CopyTo(rows);
        }
    }
}
