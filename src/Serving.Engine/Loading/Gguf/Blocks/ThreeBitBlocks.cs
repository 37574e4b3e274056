namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// Q3_K: 256 columns in groups of 16, whose scales have six bits and share a factor. Bytes: 32 of third bits, 64 of the codes' lower two, laid out as in Q2_K, 12 of scales, the factor.
/// Bit k of third-bit byte c is that of column 32k + c; where it is not set, the code is less by four. Of scale g the lower four bits are the low half of byte g, or the high half of byte
/// g − 8, and the upper two are in byte 8 + g mod 4, at bits 2(g ÷ 4).
/// </summary>
internal sealed class ThreeBitBlocks() : BlockFormat(256, 110, 16)
{
    private const int Codes = 32;
    private const int Scales = 96;
    private const int Factor = 108;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        var factor = Half(block, Factor);
        var packed = block.Slice(Scales, 12);
        for (var group = 0; group < Groups; group++)
        {
            var low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
            var high = (packed[8 + (group % 4)] >> (group / 4 * 2)) & 3;
            scales[group] = factor * ((low | (high << 4)) - 32);
        }

        for (var i = 0; i < Columns; i++)
        {
            var low = (block[Codes + (i / 128 * 32) + (i % 32)] >> (i % 128 / 32 * 2)) & 3;
            codes[i] = low - (((block[i % 32] >> (i / 32)) & 1) == 0 ? 4 : 0);
        }
    }
}
