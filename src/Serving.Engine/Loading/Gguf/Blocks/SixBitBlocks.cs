namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// Q6_K: 256 columns in groups of 16, whose scales are signed bytes and share a factor. Bytes: 128 of the codes' lower four bits, 64 of their upper two, 16 of scales, the factor. In each
/// half of 128 columns the columns c and 64 + c are the halves of byte c (c below 64), and c, 32 + c, 64 + c and 96 + c share a byte of upper bits.
/// </summary>
internal sealed class SixBitBlocks() : BlockFormat(256, 210, 16)
{
    private const int Uppers = 128;
    private const int Scales = 192;
    private const int Factor = 208;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        var factor = Half(block, Factor);
        for (var group = 0; group < Groups; group++)
        {
            scales[group] = factor * (sbyte)block[Scales + group];
        }

        for (var i = 0; i < Columns; i++)
        {
            var (half, column) = (i / 128, i % 128);
            var pair = block[(half * 64) + (column % 64)];
            var upper = (block[Uppers + (half * 32) + (column % 32)] >> (column / 32 * 2)) & 3;
            codes[i] = ((column < 64 ? pair & 15 : pair >> 4) | (upper << 4)) - 32;
        }
    }
}
