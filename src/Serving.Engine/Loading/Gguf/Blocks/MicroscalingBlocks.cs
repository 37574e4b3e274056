using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// MXFP4: 32 columns with a scale that is a power of two. Bytes: the scale's exponent with bias 127, then column i in the low half of byte i and column 16 + i in the high half. Codes here are twice
/// E2M1's values and scales half as large, so that codes are whole numbers.
/// </summary>
internal sealed class MicroscalingBlocks() : BlockFormat(32, 17, 32)
{
    private const int HalfSize = 16;

    private static readonly sbyte[] Values = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    /// <inheritdoc/>
    public override WeightFormat IntegerFormat => WeightFormat.Mxfp4;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        // 255 is NaN in the format; ggml does not look for it, and a file that has it is refused.
        scales[0] = block[0] == byte.MaxValue ? float.NaN : MathF.ScaleB(1, block[0] - 128);
        for (var i = 0; i < HalfSize; i++)
        {
            codes[i] = Values[block[1 + i] & 15];
            codes[HalfSize + i] = Values[block[1 + i] >> 4];
        }
    }
}
