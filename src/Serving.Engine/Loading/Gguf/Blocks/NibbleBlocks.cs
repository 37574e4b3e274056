using System.Buffers.Binary;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;

namespace Serving.Engine.Loading.Gguf.Blocks;

/// <summary>
/// Q4_0, Q4_1, Q5_0, Q5_1 and IQ4_NL: 32 columns with one scale. Column i is the low half of byte i, column 16 + i the high half; in Q5 bit i of four bytes before is the fifth bit of
/// column i.
/// </summary>
/// <param name="hasFifthBit">Whether a code has five bits.</param>
/// <param name="hasMinimum">Whether a minimum, negated, stands behind the scale.</param>
/// <param name="zero">The code that stands for 0 where there is no minimum.</param>
/// <param name="values">What codes stand for; null: themselves.</param>
internal sealed class NibbleBlocks(bool hasFifthBit, bool hasMinimum, int zero = 0, sbyte[]? values = null)
    : BlockFormat(Size, (hasMinimum ? 4 : 2) + (hasFifthBit ? 4 : 0) + HalfSize, Size)
{
    private const int Size = 32;
    private const int HalfSize = Size / 2;

    /// <summary>What the codes of IQ4_NL and IQ4_XS stand for: denser around zero.</summary>
    public static readonly sbyte[] NonLinearValues = [.. BlockQuantizer.Iq4Numbers];

    /// <inheritdoc/>
    public override bool HasMinimums => hasMinimum;

    /// <inheritdoc/>
    public override WeightFormat IntegerFormat => (hasFifthBit, hasMinimum) switch
    {
        (false, false) => values is null ? WeightFormat.Int4 : WeightFormat.Iq4,
        (false, true) => WeightFormat.Int4Asymmetric,
        (true, false) => WeightFormat.Int8,
        _ => WeightFormat.BFloat16,
    };

    /// <inheritdoc/>
    public override void Decode(ReadOnlySpan<byte> block, Span<float> codes, Span<float> scales, Span<float> minimums)
    {
        scales[0] = Half(block, 0);
        var at = 2;
        if (hasMinimum)
        {
            minimums[0] = -Half(block, at);
            at += 2;
        }

        var fifths = 0u;
        if (hasFifthBit)
        {
            fifths = BinaryPrimitives.ReadUInt32LittleEndian(block[at..]);
            at += 4;
        }

        for (var i = 0; i < HalfSize; i++)
        {
            var pair = block[at + i];
            codes[i] = ValueOf((pair & 15) | (int)(((fifths >> i) & 1) << 4));
            codes[HalfSize + i] = ValueOf((pair >> 4) | (int)(((fifths >> (HalfSize + i)) & 1) << 4));
        }
    }

    private float ValueOf(int code) => values is null ? code - zero : values[code];
}
