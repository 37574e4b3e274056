using System.Buffers.Binary;
using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// IQ4_XS: 256 columns in groups of 32, whose scales have six bits and share a factor; codes stand for IQ4_NL's values. Bytes: the factor, 2 of the scales' upper two bits, 4 of their
/// lower four, 128 of codes, 16 for a group as in IQ4_NL.
/// </summary>
internal sealed class NonLinearBlocks() : BlockFormat(256, 136, 32)
{
    /// <inheritdoc/>
    public override WeightFormat IntegerFormat => WeightFormat.Iq4;

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        var (factor, uppers) = (Half(block, 0), BinaryPrimitives.ReadUInt16LittleEndian(block[2..]));
        for (var group = 0; group < Groups; group++)
        {
            var low = (block[4 + (group / 2)] >> (group % 2 * 4)) & 15;
            scales[group] = factor * ((low | (((uppers >> (group * 2)) & 3) << 4)) - 32);
        }

        for (var i = 0; i < Columns; i++)
        {
            var pair = block[8 + (i / 32 * 16) + (i % 16)];
            codes[i] = NibbleBlocks.NonLinearValues[i % 32 < 16 ? pair & 15 : pair >> 4];
        }
    }
}
