using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// Q4_K and Q5_K: 256 columns in groups of 32, whose scales and minimums have six bits each and share two factors. Bytes: the factor of scales, that of minimums, 12 of both, in Q5_K 32
/// of fifth bits, 128 of codes. Of 64 columns the first 32 are the low halves of 32 bytes, the others the high halves; bit k of fifth-bit byte c is that of column 32k + c. Scales and
/// minimums of the first four groups are the lower six bits of bytes 0–3 and 4–7, those of the others halves of bytes 8–11 with the upper two bits of bytes 0–3 and 4–7.
/// </summary>
/// <param name="hasFifthBit">Whether a code has five bits.</param>
internal sealed class FourBitBlocks(bool hasFifthBit) : BlockFormat(256, hasFifthBit ? 176 : 144, 32)
{
    private const int Scales = 4;
    private const int Fifths = 16;

    /// <inheritdoc/>
    public override bool HasMinimums => true;

    /// <inheritdoc/>
    public override WeightFormat IntegerFormat => hasFifthBit ? WeightFormat.BFloat16 : WeightFormat.Int4Asymmetric;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        var (scale, minimum) = (Half(block, 0), Half(block, 2));
        var packed = block.Slice(Scales, 12);
        for (var group = 0; group < Groups; group++)
        {
            var isEarly = group < 4;
            scales[group] = scale * (isEarly ? packed[group] & 63 : (packed[group + 4] & 15) | (packed[group - 4] >> 6 << 4));
            minimums[group] = minimum * (isEarly ? packed[group + 4] & 63 : (packed[group + 4] >> 4) | (packed[group] >> 6 << 4));
        }

        var at = hasFifthBit ? Fifths + 32 : Fifths;
        for (var i = 0; i < Columns; i++)
        {
            var pair = block[at + (i / 64 * 32) + (i % 32)];
            var fifth = hasFifthBit ? (block[Fifths + (i % 32)] >> (i / 32)) & 1 : 0;
            codes[i] = (i % 64 < 32 ? pair & 15 : pair >> 4) | (fifth << 4);
        }
    }
}
