using System.Buffers;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Engine.Loading.Gguf;

/// <summary>Rows whose inputs a file has in another order than checkpoints, head by head. Integers stay what they are where a head is whole groups.</summary>
/// <param name="inner">The rows as the file has them.</param>
/// <param name="order">Where each of a checkpoint's inputs is.</param>
/// <param name="columns">Inputs.</param>
internal sealed class OrderedColumns(RowSource inner, TiledHeads order, int columns) : RowSource
{
    /// <inheritdoc/>
    public override bool IsQuantized => inner.IsQuantized;

    /// <inheritdoc/>
    public override bool Holds(WeightFormat format) => order.Size % BlockQuantizer.GroupSize == 0 && inner.Holds(format);

    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch)
    {
        var all = ArrayPool<ushort>.Shared.Rent(values.Length);
        inner.Read(firstRow, all.AsSpan(0, values.Length), scratch);
        Copy<ushort>(all, values, columns, 1, 0);
        ArrayPool<ushort>.Shared.Return(all);
    }

    /// <inheritdoc/>
    public override void ReadIntegers(WeightFormat format, int firstRow, int rows, Memory<sbyte> values, Memory<ushort> scales, LoadScratch scratch)
    {
        var (padded, groups) = (BlockQuantizer.PaddedColumns(columns), BlockQuantizer.ScaleCount(format, columns));
        var (allValues, allScales) = (ArrayPool<sbyte>.Shared.Rent(values.Length), ArrayPool<ushort>.Shared.Rent(scales.Length));
        inner.ReadIntegers(format, firstRow, rows, allValues.AsMemory(0, values.Length), allScales.AsMemory(0, scales.Length), scratch);
        allValues.AsSpan(0, values.Length).CopyTo(values.Span);
        allScales.AsSpan(0, scales.Length).CopyTo(scales.Span);
        Copy<sbyte>(allValues, values.Span, padded, 1, 0);
        Copy<ushort>(allScales, scales.Span, groups, BlockQuantizer.GroupSize, 0);
        if (BlockQuantizer.HasOffsets(format))
        {
            Copy<ushort>(allScales, scales.Span, groups, BlockQuantizer.GroupSize, groups / 2);
        }

        ArrayPool<sbyte>.Shared.Return(allValues);
        ArrayPool<ushort>.Shared.Return(allScales);
    }

    /// <summary>Puts what rows of some width have for their inputs, or for groups of them, into the order.</summary>
    private void Copy<T>(ReadOnlySpan<T> all, Span<T> ordered, int width, int group, int start)
    {
        for (var row = 0; row + width <= ordered.Length; row += width)
        {
            for (var column = 0; column < columns;)
            {
                var (source, count) = order.RunAt(column);
                all.Slice(row + start + (source / group), count / group).CopyTo(ordered[(row + start + (column / group))..]);
                column += count;
            }
        }
    }
}
