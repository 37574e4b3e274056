namespace Serving.Engine.Loading;

/// <summary>The weight of a convolution tap by tap, which files keep column by column.</summary>
/// <param name="inner">[columns, taps].</param>
/// <param name="taps">Elements of a row there.</param>
/// <param name="columns">Its rows.</param>
internal sealed class TapRows(RowSource inner, int taps, int columns) : RowSource
{
    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch) => throw new NotSupportedException();

    /// <summary>Reads all of it: it is a vector in fp32, which is loaded as one.</summary>
    public override void ReadSingles(int firstRow, Span<float> values, LoadScratch scratch)
    {
        var all = new float[taps * columns];
        inner.ReadSingles(0, all, scratch);
        for (var i = 0; i < values.Length; i++)
        {
            var (tap, column) = Math.DivRem(firstRow + i, columns);
            values[i] = all[(column * taps) + tap];
        }
    }
}
