using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// IQ3_S: 256 columns in groups of 32, whose scales s have four bits, for 2s + 1 of the factor. Bytes: the factor, 64 of the points' lower eight bits, 8 of their ninth, 32 of signs, 4 of scales.
/// </summary>
internal sealed class ThreeBitLatticeBlocks() : BlockFormat(256, 110, 32)
{
    private const int Points = 2;
    private const int Uppers = 66;
    private const int Signs = 74;
    private const int Scales = 106;

    /// <inheritdoc/>
    public override WeightFormat IntegerFormat => WeightFormat.Int8;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        var factor = Half(block, 0);
        for (var group = 0; group < Groups; group++)
        {
            scales[group] = factor * (1 + (2 * ((block[Scales + (group / 2)] >> (group % 2 * 4)) & 15)));
        }

        for (var i = 0; i < Columns / 4; i++)
        {
            var upper = (block[Uppers + (i / 8)] >> (i % 8)) & 1;
            LatticeGrids.ThreeBit512.Write(block[Points + i] | (upper << 8), block[Signs + (i / 2)] >> (i % 2 * 4), codes[(i * 4)..]);
        }
    }
}
