using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>Q8_0: 32 columns with one scale, a signed byte each.</summary>
internal sealed class ByteBlocks() : BlockFormat(32, 34, 32)
{
    /// <inheritdoc/>
    public override WeightFormat IntegerFormat => WeightFormat.Int8;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        scales[0] = Half(block, 0);
        for (var i = 0; i < Columns; i++)
        {
            codes[i] = (sbyte)block[2 + i];
        }
    }
}
