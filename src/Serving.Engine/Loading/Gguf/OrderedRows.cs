using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Engine.Loading.Gguf;

/// <summary>Rows that a file has in another order than checkpoints.</summary>
/// <param name="inner">The rows as the file has them.</param>
/// <param name="order">Where each of a checkpoint's rows is.</param>
/// <param name="columns">Inputs; 1 for a vector.</param>
internal sealed class OrderedRows(RowSource inner, RowOrder order, int columns) : RowSource
{
    /// <inheritdoc/>
    public override bool IsQuantized => inner.IsQuantized;

    /// <inheritdoc/>
    public override bool Holds(WeightFormat format) => inner.Holds(format);

    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch)
    {
        for (var rows = values.Length / columns; rows > 0;)
        {
            var (source, count) = RunAt(firstRow, rows);
            inner.Read(source, values[..(count * columns)], scratch);
            (firstRow, rows) = (firstRow + count, rows - count);
            values = values[(count * columns)..];
        }
    }

    /// <inheritdoc/>
    public override void ReadSingles(int firstRow, Span<float> values, LoadScratch scratch)
    {
        for (var rows = values.Length / columns; rows > 0;)
        {
            var (source, count) = RunAt(firstRow, rows);
            inner.ReadSingles(source, values[..(count * columns)], scratch);
            (firstRow, rows) = (firstRow + count, rows - count);
            values = values[(count * columns)..];
        }
    }

    /// <inheritdoc/>
    public override void ReadIntegers(WeightFormat format, int firstRow, int rows, Memory<sbyte> values, Memory<ushort> scales, LoadScratch scratch)
    {
        var (padded, groups) = (BlockQuantizer.PaddedColumns(columns), BlockQuantizer.ScaleCount(format, columns));
        while (rows > 0)
        {
            var (source, count) = RunAt(firstRow, rows);
            inner.ReadIntegers(format, source, count, values[..(count * padded)], scales[..(count * groups)], scratch);
            (firstRow, rows, values, scales) = (firstRow + count, rows - count, values[(count * padded)..], scales[(count * groups)..]);
        }
    }

    private (int Source, int Count) RunAt(int row, int rows)
    {
        var (source, count) = order.RunAt(row);
        return (source, Math.Min(count, rows));
    }
}
