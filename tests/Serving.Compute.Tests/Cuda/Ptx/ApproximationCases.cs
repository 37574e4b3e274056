namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>The approximations, within the errors that the PTX ISA states (section "Floating Point Instructions"); subnormals are zeros going in and coming out.</summary>
internal static class ApproximationCases
{
    private const int Threads = 1024;
    private const double SmallestNormal = 1.1754943508222875e-38;

    public static IEnumerable<PtxCase> All()
    {
        yield return Within("ptx_exp2_approx", Spread(-150, 130), x => Math.Pow(2, x), (exact, _) => Math.Abs(exact) * Math.Pow(2, -22));

        // Absolute where the logarithm is near zero, relative elsewhere.
        yield return Within("ptx_log2_approx", Positive(), Math.Log2, (exact, x) => x is > 0.5 and < 2 ? Math.Pow(2, -22) : Math.Abs(exact) * Math.Pow(2, -22));
        yield return Within("ptx_rcp_approx", ArithmeticCases.Operands(Threads, 11), x => 1 / x, (exact, _) => Math.Abs(exact) * Math.Pow(2, -23));
        yield return Within("ptx_rsqrt_approx", Positive(), x => 1 / Math.Sqrt(x), (exact, _) => Math.Abs(exact) * Math.Pow(2, -22.9));
    }

    private static uint[] Spread(float low, float high) =>
        [.. Enumerable.Range(0, Threads).Select(i => BitConverter.SingleToUInt32Bits(i switch
        {
            0 => float.NegativeInfinity,
            1 => float.PositiveInfinity,
            2 => float.NaN,
            3 => 0f,
            4 => float.Epsilon,
            _ => low + ((high - low) * i / Threads),
        }))];

    private static uint[] Positive() => [.. ArithmeticCases.Operands(Threads, 13).Select((word, i) => i % 16 == 0 ? word : word & 0x7fffffff)];

    private static PtxCase Within(string kernel, uint[] input, Func<double, double> function, Func<double, double, double> allowed)
    {
        var exact = input.Select(word => function(Flushed(BitConverter.UInt32BitsToSingle(word)))).ToArray();

        // A word is compared by its place: the same expected bits may come from different inputs, with different errors allowed.
        var place = 0;
        var expected = exact.Select(value => BitConverter.SingleToUInt32Bits((float)Flushed(value))).ToArray();
        return new(kernel, Threads, input, expected)
        {
            Agrees = (wanted, actual) =>
            {
                var i = place++ % input.Length;
                var got = (double)BitConverter.UInt32BitsToSingle(actual);
                return ArithmeticCases.SameFloat(wanted, actual)
                    || Math.Abs(got - exact[i]) <= allowed(exact[i], BitConverter.UInt32BitsToSingle(input[i])) + HalfUlp(exact[i])
                    || (Math.Abs(exact[i]) < SmallestNormal * (1 + Math.Pow(2, -22)) && got == 0);
            },
        };
    }

    // A result is a float: it may be off by its own rounding besides.
    private static double HalfUlp(double value) => Math.Abs(value) * Math.Pow(2, -24);

    private static double Flushed(double value) => Math.Abs(value) < SmallestNormal ? Math.CopySign(0, value) : value;
}
