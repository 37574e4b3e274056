using System.Numerics;

namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>What is rounded to nearest even, subnormals kept: the same bits as .NET's; any NaN is as good as another.</summary>
internal static class ArithmeticCases
{
    private const int Threads = 1024;

    private static readonly float[] Edges =
    [
        0f, -0f, 1f, -1f, 3f, float.Epsilon, -float.Epsilon, 1.1754942e-38f, 1.17549435e-38f, float.MaxValue, float.MinValue, float.PositiveInfinity, float.NegativeInfinity,
        float.NaN, 0.33333334f, 16777216f,
    ];

    public static IEnumerable<PtxCase> All()
    {
        yield return Floats("ptx_fma", 3, x => MathF.FusedMultiplyAdd(x[0], x[1], x[2]));
        yield return Floats("ptx_plain_mul_add", 3, x => Sum(x[0] * x[1], x[2]));
        yield return Floats("ptx_div_rn", 2, x => x[0] / x[1]);
        yield return Floats("ptx_plain_divide", 2, x => x[0] / x[1]);
        yield return Floats("ptx_maximum", 2, x => float.MaxNumber(x[0], x[1]));
        yield return Floats("ptx_rcp_rn", 1, x => 1f / x[0]);
        yield return Floats("ptx_sqrt_rn", 1, x => MathF.Sqrt(x[0]));

        // Zeros of both signs and NaN are not negative.
        var kept = Operands(Threads, 5).Select(word => BitConverter.UInt32BitsToSingle(word) < 0 ? word & 0x7fffffff : word).ToArray();
        yield return new("ptx_trap_if_negative", Threads, kept, kept);
        yield return Words("ptx_mul_hi", 2, x => (uint)(((ulong)x[0] * x[1]) >> 32));
        yield return Words("ptx_popcount", 1, x => (uint)BitOperations.PopCount(x[0]));
        yield return Words("ptx_leading_zeros", 1, x => (uint)BitOperations.LeadingZeroCount(x[0]));
        yield return Words("ptx_permute_bytes", 3, x => Enumerable.Range(0, 4).Aggregate(0u, (word, i) => word | ((uint)(byte)(((x[0] | ((ulong)x[1] << 32)) >> (8 * (int)((x[2] >> (4 * i)) & 7)))) << (8 * i))));
    }

    /// <summary>Bits that are equal, or two NaNs.</summary>
    internal static bool SameFloat(uint expected, uint actual) =>
        expected == actual || (float.IsNaN(BitConverter.UInt32BitsToSingle(expected)) && float.IsNaN(BitConverter.UInt32BitsToSingle(actual)));

    /// <summary>Bits of edges, of ordinary numbers and of any pattern.</summary>
    internal static uint[] Operands(int count, uint seed)
    {
        var words = PtxTable.Noise(count, seed);
        for (var i = 0; i < count; i++)
        {
            var kind = words[i] >> 28;
            words[i] = kind switch
            {
                < 4 => BitConverter.SingleToUInt32Bits(Edges[words[i] % Edges.Length]),
                < 12 => BitConverter.SingleToUInt32Bits((int)words[i] * 1e-8f),
                _ => words[i],
            };
        }

        return words;
    }

    private static float Sum(float a, float b) => a + b;

    private static PtxCase Floats(string kernel, int operands, Func<float[], float> function)
    {
        var input = Operands(Threads * operands, 5);
        var expected = PtxTable.Each(input, operands, words =>
            BitConverter.SingleToUInt32Bits(function([.. words.ToArray().Select(BitConverter.UInt32BitsToSingle)])));
        return new(kernel, Threads, input, expected) { Agrees = SameFloat };
    }

    private static PtxCase Words(string kernel, int operands, Func<uint[], uint> function)
    {
        var input = PtxTable.Noise(Threads * operands, 7);
        for (var i = 0; i < 64; i++)
        {
            input[i] = i < 32 ? 1u << i : i == 32 ? 0 : uint.MaxValue >> (i - 32);
        }

        return new(kernel, Threads, input, PtxTable.Each(input, operands, words => function(words.ToArray())));
    }
}
