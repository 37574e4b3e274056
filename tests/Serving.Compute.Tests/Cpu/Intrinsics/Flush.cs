namespace Serving.Compute.Tests.Cpu.Intrinsics;

/// <summary>Floats as a processor computes them that counts denormals as zero, or does not: what MXCSR's DAZ and FTZ change, written out.</summary>
internal readonly struct Flush(bool on)
{
    /// <summary>MXCSR with nothing raised, rounding to nearest even; and with DAZ and FTZ, as the workers of a step have it.</summary>
    public const uint Default = 0x1F80;

    /// <summary>MXCSR with DAZ and FTZ.</summary>
    public const uint Flushing = 0x9FC0;

    private const float SmallestNormal = 1.17549435e-38f;

    /// <summary>An operand, signed zero where it is denormal.</summary>
    public float In(float x) => on && MathF.Abs(x) < SmallestNormal ? MathF.CopySign(0, x) : x;

    /// <summary>
    /// A result, whose value before rounding was <paramref name="exact"/>. It is tiny when it would be with exponents without end, at 24 bits: from half a step below the smallest
    /// normal number on it is not.
    /// </summary>
    public float Out(float rounded, double exact)
    {
        const double line = SmallestNormal * (1 - (1.0 / (1 << 25)));
        return on && rounded != 0 && Math.Abs(exact) < line ? MathF.CopySign(0, rounded) : rounded;
    }

    /// <summary>a · b + c, rounded once.</summary>
    public float MultiplyAdd(float a, float b, float c)
    {
        (a, b, c) = (In(a), In(b), In(c));
        return Out(MathF.FusedMultiplyAdd(a, b, c), Math.FusedMultiplyAdd(a, b, c));
    }

    /// <summary>a + b.</summary>
    public float Add(float a, float b)
    {
        (a, b) = (In(a), In(b));
        return Out(a + b, (double)a + b);
    }
}
