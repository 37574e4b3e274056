using System.Buffers.Binary;
using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// IQ1_S and IQ1_M: 256 columns of which each is a point's −1, 0 or 1, moved up or down by an eighth; scales s have three bits, for 2s + 1 of the factor. Codes here are eight times as large and scales an eighth, so
/// that codes are whole numbers. Bytes of IQ1_S, in groups of 32: the factor, 32 of the points' lower eight bits, 16 bits of each group, which are the points' upper three, its scale and whether it is moved down. Of
/// IQ1_M, in groups of 16: 32 of the points' lower eight bits, 16 of a half for each point, which is its upper three and whether it is moved down, four numbers of 16 bits, of which the lower twelve are four
/// scales and the upper four a part of the factor.
/// </summary>
/// <param name="hasHalves">Whether groups are of 16 columns and each point is moved by itself: IQ1_M.</param>
internal sealed class OneBitLatticeBlocks(bool hasHalves) : BlockFormat(256, hasHalves ? 56 : 50, hasHalves ? 16 : 32)
{
    private const float Unit = 1 / 8f;
    private const int Size = 8;

    /// <inheritdoc/>
    public override WeightFormat IntegerFormat => hasHalves ? WeightFormat.BFloat16 : WeightFormat.Int8;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        if (hasHalves)
        {
            DecodeHalves(block, codes, scales);
        }
        else
        {
            DecodeWhole(block, codes, scales);
        }
    }

    private void DecodeWhole(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales)
    {
        var factor = Half(block, 0);
        var points = block[2..];
        for (var group = 0; group < Groups; group++)
        {
            var rest = BinaryPrimitives.ReadUInt16LittleEndian(block[(34 + (group * 2))..]);
            scales[group] = factor * ((2 * ((rest >> 12) & 7)) + 1) * Unit;
            for (var i = group * 4; i < (group + 1) * 4; i++)
            {
                Write(points[i] | (((rest >> (i % 4 * 3)) & 7) << 8), rest > 0x7FFF, codes[(i * Size)..]);
            }
        }
    }

    private void DecodeHalves(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales)
    {
        const int Uppers = 32;
        const int Scales = 48;
        var bits = 0;
        for (var i = 0; i < 4; i++)
        {
            bits |= block[Scales + (i * 2) + 1] >> 4 << (i * 4);
        }

        var factor = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
        for (var group = 0; group < Groups; group++)
        {
            var packed = BinaryPrimitives.ReadUInt16LittleEndian(block[(Scales + (group / 4 * 2))..]);
            scales[group] = factor * ((2 * ((packed >> (group % 4 * 3)) & 7)) + 1) * Unit;
        }

        for (var i = 0; i < Columns / Size; i++)
        {
            var upper = block[Uppers + (i / 2)] >> (i % 2 * 4);
            Write(block[i] | ((upper & 7) << 8), (upper & 8) != 0, codes[(i * Size)..]);
        }
    }

    private static void Write(int index, bool isDown, Span<float> codes)
    {
        var point = LatticeGrids.OneBit2048.Point(index);
        for (var i = 0; i < Size; i++)
        {
            codes[i] = (point[i] * 8) + (isDown ? -1 : 1);
        }
    }
}
