using System.Buffers;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Engine.Loading;

/// <summary>Every so-manieth row of others. What lies between is read and dropped: in one reading, which costs less than a reading for each row.</summary>
/// <param name="inner">All rows.</param>
/// <param name="step">From one row here to the next there.</param>
/// <param name="columns">Elements of a row; 1 for a vector.</param>
internal sealed class SteppedRows(RowSource inner, int step, int columns) : RowSource
{
    /// <inheritdoc/>
    public override bool IsQuantized => inner.IsQuantized;

    /// <inheritdoc/>
    public override bool Holds(WeightFormat format) => inner.Holds(format);

    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch)
    {
        var span = SpanOf(values.Length / columns);
        var all = ArrayPool<ushort>.Shared.Rent(checked(span * columns));
        inner.Read(firstRow, all.AsSpan(0, span * columns), scratch);
        Pick<ushort>(all, columns, values);
        ArrayPool<ushort>.Shared.Return(all);
    }

    /// <inheritdoc/>
    public override void ReadIntegers(WeightFormat format, int firstRow, int rows, Memory<sbyte> values, Memory<ushort> scales, LoadScratch scratch)
    {
        var (span, padded, groups) = (SpanOf(rows), BlockQuantizer.PaddedColumns(columns), BlockQuantizer.ScaleCount(format, columns));
        var (allValues, allScales) = (ArrayPool<sbyte>.Shared.Rent(checked(span * padded)), ArrayPool<ushort>.Shared.Rent(checked(span * groups)));
        inner.ReadIntegers(format, firstRow, span, allValues.AsMemory(0, span * padded), allScales.AsMemory(0, span * groups), scratch);
        Pick<sbyte>(allValues, padded, values.Span);
        Pick<ushort>(allScales, groups, scales.Span);
        ArrayPool<sbyte>.Shared.Return(allValues);
        ArrayPool<ushort>.Shared.Return(allScales);
    }

    /// <summary>Rows from the first to the last of so many.</summary>
    private int SpanOf(int rows) => ((rows - 1) * step) + 1;

    private void Pick<T>(ReadOnlySpan<T> all, int width, Span<T> picked)
    {
        for (var at = 0; picked.Length > 0; at += step * width, picked = picked[width..])
        {
            all.Slice(at, width).CopyTo(picked);
        }
    }
}
