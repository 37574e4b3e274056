namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// Q2_K: 256 columns in groups of 16, whose scales and minimums have four bits each and share two factors. Bytes: 16 of scale | minimum &lt;&lt; 4, 64 of codes, the factor of scales,
/// that of minimums. In each half of 128 columns the columns c, 32 + c, 64 + c and 96 + c share a byte, the first in its lowest bits.
/// </summary>
internal sealed class TwoBitBlocks() : BlockFormat(256, 84, 16)
{
    private const int Codes = 16;
    private const int Factors = 80;

    /// <inheritdoc/>
    public override bool HasMinimums => true;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        var (scale, minimum) = (Half(block, Factors), Half(block, Factors + 2));
        for (var group = 0; group < Groups; group++)
        {
            scales[group] = scale * (block[group] & 15);
            minimums[group] = minimum * (block[group] >> 4);
        }

        for (var i = 0; i < Columns; i++)
        {
            codes[i] = (block[Codes + (i / 128 * 32) + (i % 32)] >> (i % 128 / 32 * 2)) & 3;
        }
    }
}
