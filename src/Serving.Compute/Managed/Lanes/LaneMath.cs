using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Serving.Compute.Managed.Lanes;

/// <summary>What every width shares.</summary>
internal static class LaneMath
{
    /// <summary>
    /// True where the machine has a fused multiply-add. The whole backend then uses it, vectors and single floats alike; elsewhere all of it
    /// multiplies and adds with two roundings, since fusing in software is slower than the rest of a step.
    /// </summary>
    public static bool IsFused
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Fma.IsSupported || AdvSimd.IsSupported;
    }

    /// <summary>The product and sum of one lane, with the roundings that the vectors have.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => IsFused ? MathF.FusedMultiplyAdd(a, b, c) : (a * b) + c;
}

/// <summary>Elementary functions over one width.</summary>
internal static class LaneMath<TL, TV>
    where TL : struct, ILanes<TV>
    where TV : struct
{
    private const float Smallest = -87.33f;
    private const float Greatest = 88.3f;

    /// <summary>
    /// eˣ to about one unit in the last place; 0 below −87.33, finite above 88.3. Range reduction by ln 2 in two parts and a polynomial of
    /// degree 5 with the coefficients of the Cephes library's expf.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TV Exp(TV x)
    {
        var clamped = TL.Min(TL.Max(x, TL.Broadcast(Smallest)), TL.Broadcast(Greatest));
        var shifter = TL.Broadcast(12582912f);
        var biased = TL.MultiplyAdd(clamped, TL.Broadcast(1.44269504f), shifter);
        var n = TL.Subtract(biased, shifter);
        var r = TL.MultiplyAdd(n, TL.Broadcast(-0.693359375f), clamped);
        r = TL.MultiplyAdd(n, TL.Broadcast(2.12194440e-4f), r);
        var p = TL.MultiplyAdd(TL.Broadcast(1.9875691500e-4f), r, TL.Broadcast(1.3981999507e-3f));
        p = TL.MultiplyAdd(p, r, TL.Broadcast(8.3334519073e-3f));
        p = TL.MultiplyAdd(p, r, TL.Broadcast(4.1665795894e-2f));
        p = TL.MultiplyAdd(p, r, TL.Broadcast(1.6666665459e-1f));
        p = TL.MultiplyAdd(p, r, TL.Broadcast(5.0000001201e-1f));
        p = TL.Add(TL.MultiplyAdd(p, TL.Multiply(r, r), r), TL.Broadcast(1f));
        return TL.ZeroBelow(TL.Multiply(p, TL.PowerOfTwo(biased)), x, TL.Broadcast(Smallest));
    }

    /// <summary>eˣ − 1 of x up to 0, to about one unit in the last place: from −½ on by its Taylor polynomial of degree 9, below by <see cref="Exp(TV)"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TV ExpLessOne(TV x)
    {
        var near = TL.Max(x, TL.Broadcast(-0.5f));
        var p = TL.Broadcast(1f / 9);
        for (var k = 8; k > 1; k--)
        {
            p = TL.MultiplyAdd(TL.Multiply(near, p), TL.Broadcast(1f / k), TL.Broadcast(1f / k));
        }

        p = TL.MultiplyAdd(TL.Multiply(near, p), near, near);
        var far = TL.Subtract(Exp(x), TL.Broadcast(1));
        return TL.Add(TL.ZeroBelow(p, x, TL.Broadcast(-0.5f)), TL.ZeroBelow(far, TL.Subtract(TL.Broadcast(0), x), TL.Broadcast(float.BitIncrement(0.5f))));
    }

    /// <summary>cap · tanh(x ÷ cap), as cap · (1 − 2 ÷ (1 + e^(2x ÷ cap))): within a few units in the last place of cap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TV Cap(TV x, TV cap)
    {
        var (one, two) = (TL.Broadcast(1), TL.Broadcast(2));
        var raised = Exp(TL.Multiply(TL.Divide(x, cap), two));
        return TL.Multiply(cap, TL.Subtract(one, TL.Divide(two, TL.Add(one, raised))));
    }

    /// <summary>eˣ of one float, by the vectors' arithmetic.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Exp(float x) => TL.First(Exp(TL.Broadcast(x)));
}
