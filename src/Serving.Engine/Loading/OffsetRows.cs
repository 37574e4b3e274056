using Serving.Compute.Programs;

namespace Serving.Engine.Loading;

/// <summary>Rows of others from one on: an expert's in a tensor that stacks all of them.</summary>
/// <param name="inner">All rows.</param>
/// <param name="start">The first of them here.</param>
internal sealed class OffsetRows(RowSource inner, int start) : RowSource
{
    /// <inheritdoc/>
    public override bool IsQuantized => inner.IsQuantized;

    /// <inheritdoc/>
    public override bool Holds(WeightFormat format) => inner.Holds(format);

    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch) => inner.Read(start + firstRow, values, scratch);

    /// <inheritdoc/>
    public override void ReadIntegers(WeightFormat format, int firstRow, int rows, Memory<sbyte> values, Memory<ushort> scales, LoadScratch scratch) =>
        inner.ReadIntegers(format, start + firstRow, rows, values, scales, scratch);
}
