using Serving.Testing;

namespace Serving.Compute.Tests.Cpu.Intrinsics;

/// <summary>Registers of edge values and of random bits.</summary>
internal static class Inputs
{
    /// <summary>Zeros, ones, ties, the ends of the normal and the denormal numbers, infinities, both kinds of NaN, the ends of whole numbers; bytes and words at their ends.</summary>
    public static readonly uint[] Edges =
    [
        0, 0x80000000, 0x3F800000, 0xBF800000, 0x3F000000, 0xBF000000, 0x3FC00000, 0x40200000, 0xC0200000, 0x3F7FFFFF, 0x00800000, 0x80800000, 0x00800001, 1, 0x80000001, 0x007FFFFF,
        0x807FFFFF, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC12345, 0x7F800001, 0x4F000000, 0xCF000000, 0x4EFFFFFF, 0x4B000001, 0x4AFFFFFF, 0x42B00A3D, 0xC2AE999A,
        0x0DA24260, 0x7149F2CA, 0x7FFFFFFF, 0xFFFFFFFF, 127, 128, unchecked((uint)-128), unchecked((uint)-129), 32767, 32768, unchecked((uint)-32769), 0x80808080, 0x7F7F7F7F, 0xFF00FF00, 0x3F803F80, 0x00010001,
    ];

    /// <summary>Many operands: each lane an edge value, or random bits, or a float near one.</summary>
    public static IEnumerable<IntrinsicOperands> Many(int count, int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var operands = new IntrinsicOperands { Mask = (uint)random.Next(1 << 16), Control = i % 2 == 0 ? Flush.Default : Flush.Flushing };
            for (var lane = 0; lane < 16; lane++)
            {
                operands.A[lane] = Draw(random);
                operands.B[lane] = Draw(random);
                operands.C[lane] = Draw(random);
            }

            yield return operands;
        }
    }

    private static uint Draw(Random random) => random.Next(4) switch
    {
        0 => (uint)random.NextInt64(1L << 32),
        1 => BitConverter.SingleToUInt32Bits((random.NextSingle() - 0.5f) * MathF.Pow(2, random.Next(-20, 20))),
        _ => Edges[random.Next(Edges.Length)],
    };
}
