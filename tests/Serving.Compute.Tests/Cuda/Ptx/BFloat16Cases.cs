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

    private static double Value(uint half)
    {
        var value = BitConverter.UInt32BitsToSingle(half << 16);
        return float.IsInfinity(value) ? Math.CopySign(Math.Pow(2, 128), value) : value;
    }
}
