using System.Buffers.Binary;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// IQ2_XS and IQ2_S: 256 columns in groups of 16, whose scales s have four bits, for (s + ½) ÷ 4 of the factor. Bytes of IQ2_XS: the factor, 64 of points, 16 bits each, of which the lower nine are its
/// number and the others seven signs, 8 of scales. Of IQ2_S: the factor, 32 of the points' lower eight bits, 32 of signs, 8 of the points' upper two, 8 of scales.
/// </summary>
/// <param name="hasOwnSigns">Whether all eight signs of a point are kept: IQ2_S.</param>
internal sealed class HalfGroupBlocks(bool hasOwnSigns) : BlockFormat(256, hasOwnSigns ? 82 : 74, 16)
{
    private const int Points = 2;
    private const int Signs = 34;
    private const int Uppers = 66;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        var factor = Half(block, 0);
        var packed = block[^8..];
        for (var group = 0; group < Groups; group++)
        {
            scales[group] = factor * (0.5f + ((packed[group / 2] >> (group % 2 * 4)) & 15)) * 0.25f;
        }

        for (var i = 0; i < Columns / 8; i++)
        {
            var own = codes[(i * 8)..];
            if (hasOwnSigns)
            {
                var upper = (block[Uppers + (i / 4)] >> (i % 4 * 2)) & 3;
                LatticeGrids.TwoBit1024.Write(block[Points + i] | (upper << 8), block[Signs + i], own);
            }
            else
            {
                var point = BinaryPrimitives.ReadUInt16LittleEndian(block[(Points + (i * 2))..]);
                LatticeGrids.TwoBit512.Write(point & 511, LatticeGrid.SignsOf((uint)point >> 9), own);
            }
        }
    }
}
