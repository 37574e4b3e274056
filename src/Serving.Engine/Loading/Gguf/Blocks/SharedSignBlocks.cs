using System.Buffers.Binary;
using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// IQ2_XXS and IQ3_XXS: 256 columns in groups of 32, whose points have a byte each. Four bytes of a group hold the signs of its columns, seven bits for eight of them, and in the upper four bits its scale s, for
/// (s + ½) ÷ 4 (IQ3_XXS: ÷ 2) of the factor. Bytes: the factor; in IQ2_XXS four points and the four bytes of each group, in IQ3_XXS eight points of each group and then those four bytes of each.
/// </summary>
/// <param name="grid">The points.</param>
internal sealed class SharedSignBlocks(LatticeGrid grid) : BlockFormat(256, grid.Size == 8 ? 66 : 98, 32)
{
    private const int Points = 2;

    /// <inheritdoc/>
    public override WeightFormat IntegerFormat => WeightFormat.Int8;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        var isTwoBit = grid.Size == 8;
        var (factor, unit, pointsOfEight) = (Half(block, 0), isTwoBit ? 0.25f : 0.5f, 8 / grid.Size);
        for (var group = 0; group < Groups; group++)
        {
            var packed = BinaryPrimitives.ReadUInt32LittleEndian(block[(isTwoBit ? Points + (group * 8) + 4 : Points + 64 + (group * 4))..]);
            scales[group] = factor * (0.5f + (packed >> 28)) * unit;
            for (var i = 0; i < 32 / grid.Size; i++)
            {
                var signs = LatticeGrid.SignsOf(packed >> (i / pointsOfEight * 7)) >> (i % pointsOfEight * grid.Size);
                grid.Write(block[Points + (group * 8) + i], signs, codes[((group * 32) + (i * grid.Size))..]);
            }
        }
    }
}
