namespace Serving.Engine.Loading;

/// <summary>−e^x of every element of a vector in fp32, worked out in double and rounded once: a rate of decay is taken to the power of every token.</summary>
/// <param name="inner">The logarithms.</param>
/// <param name="name">The tensor, for messages.</param>
internal sealed class RateRows(RowSource inner, string name) : RowSource
{
    /// <inheritdoc/>
    public override void Read(int firstRow, Span<ushort> values, LoadScratch scratch) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void ReadSingles(int firstRow, Span<float> values, LoadScratch scratch)
    {
        inner.ReadSingles(firstRow, values, scratch);
        foreach (ref var value in values)
        {
            value = (float)-Math.Exp(value);
            if (!float.IsFinite(value))
            {
                throw new Models.MalformedFileException($"tensor {Models.MalformedFileException.Quote(name)} holds a logarithm whose number is not finite");
            }
        }
    }
}
