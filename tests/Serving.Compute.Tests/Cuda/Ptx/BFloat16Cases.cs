namespace Serving.Compute.Tests.Cuda.Ptx;

/// <summary>Conversions to bf16, nearest even; a NaN becomes 0x7fff.</summary>
internal static class BFloat16Cases
{
    private const int Threads = 1024;

    public static IEnumerable<PtxCase> All()
    {
        var floats = ArithmeticCases.Operands(2 * Threads, 17);
        for (var i = 0; i < 512; i++)
        {
            // Halfway between two bf16 numbers, and one bit to each side.
            floats[i] = (floats[i] & 0xffff0000) + 0x8000 + (uint)((i % 3) - 1);
        }

        var single = floats[..Threads];
        yield return new("ptx_to_bf16", Threads, single, [.. single.Select(Rounded)]);
        yield return new("ptx_to_bf16x2", Threads, floats, PtxTable.Each(floats, 2, pair => Rounded(pair[0]) | (Rounded(pair[1]) << 16)));

        var words = PtxTable.Noise(Threads, 19);
        uint[] halves = [.. words.Select(word => word & 0xffff)];
        yield return new("ptx_from_bf16", Threads, halves, [.. halves.Select(half => half << 16)]);
        yield return new("ptx_low_bf16", Threads, words, [.. words.Select(word => word << 16)]);
        yield return new("ptx_high_bf16", Threads, words, [.. words.Select(word => word & 0xffff0000)]);
        var factors = Factors(3 * Threads);
        yield return new("ptx_fma_bf16x2", Threads, factors, PtxTable.Each(factors, 3, of => Fused(of[0], of[1], of[2]) | (Fused(of[0] >> 16, of[1] >> 16, of[2] >> 16) << 16)));
    }

    // The nearer of the two neighbours in exact arithmetic; the even one when both are as near. Past the largest number comes 2^128, which is infinity.
    private static uint Rounded(uint bits)
    {
        var x = BitConverter.UInt32BitsToSingle(bits);
        if (float.IsNaN(x))
        {
            return 0x7fff;
        }

        var lower = bits >> 16;
        if (float.IsInfinity(x))
        {
            return lower;
        }

        var toLower = Math.Abs((double)x - Value(lower));
        var toUpper = Math.Abs(Value(lower + 1) - x);
        return toLower < toUpper || (toLower == toUpper && lower % 2 == 0) ? lower : lower + 1;
    }

    // Both halves within 2^±8, so that a double holds products and sums; zeros of either sign, and what integers of four bits are decoded with.
    private static uint[] Factors(int count)
    {
        uint[] kept = [0x3f803f80, 0xc308c308, 0x80008000, 0, 0x43004300, 0x430f4301];
        return [.. PtxTable.Noise(count, 23).Select((word, i) => i % 5 == 4 ? kept[i % kept.Length] : (word & 0x87ff87ff) + 0x3c003c00)];
    }

    private static uint Fused(uint a, uint b, uint c)
    {
        var exact = (Value(a & 0xffff) * Value(b & 0xffff)) + Value(c & 0xffff);
        var near = BitConverter.SingleToUInt32Bits((float)exact) >> 16;
        return exact == 0 ? (double.IsNegative(exact) ? 0x8000u : 0) : new[] { near - 1, near, near + 1 }.OrderBy(half => Math.Abs(Value(half) - exact)).ThenBy(half => half % 2).First();
    }

    private static double Value(uint half)
    {
        var value = BitConverter.UInt32BitsToSingle(half << 16);
        return float.IsInfinity(value) ? Math.CopySign(Math.Pow(2, 128), value) : value;
    }
}
