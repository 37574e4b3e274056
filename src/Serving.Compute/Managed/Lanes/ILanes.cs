namespace Serving.Compute.Managed.Lanes;

/// <summary>
/// The vector operations that kernels are written in, over one hardware vector of floats; the JIT compiles a kernel once per implementation.
/// Every operation works lane by lane, so that a result does not depend on its lane or on its neighbours.
/// </summary>
/// <typeparam name="TV">The hardware vector.</typeparam>
internal unsafe interface ILanes<TV>
    where TV : struct
{
    /// <summary>Floats per vector: 4, 8 or 16.</summary>
    static abstract int Count { get; }

    /// <summary>All lanes equal to a value.</summary>
    static abstract TV Broadcast(float value);

    /// <summary>Reads floats.</summary>
    static abstract TV Load(float* source);

    /// <summary>Writes floats.</summary>
    static abstract void Store(TV value, float* destination);

    /// <summary>Reads pairs of bf16: the lower half of lane i is one column, the upper half another; see <see cref="Lower"/> and <see cref="Upper"/>.</summary>
    static abstract TV LoadPairs(ushort* source);

    /// <summary>The lower bf16 of every pair as floats.</summary>
    static abstract TV Lower(TV pairs);

    /// <summary>The upper bf16 of every pair as floats.</summary>
    static abstract TV Upper(TV pairs);

    /// <summary>a + b.</summary>
    static abstract TV Add(TV a, TV b);

    /// <summary>a − b.</summary>
    static abstract TV Subtract(TV a, TV b);

    /// <summary>a · b.</summary>
    static abstract TV Multiply(TV a, TV b);

    /// <summary>a ÷ b.</summary>
    static abstract TV Divide(TV a, TV b);

    /// <summary>a · b + c, rounded once where the machine can (see <see cref="LaneMath.IsFused"/>).</summary>
    static abstract TV MultiplyAdd(TV a, TV b, TV c);

    /// <summary>The larger of each pair of lanes.</summary>
    static abstract TV Max(TV a, TV b);

    /// <summary>The smaller of each pair of lanes.</summary>
    static abstract TV Min(TV a, TV b);

    /// <summary>0 where <paramref name="test"/> is below <paramref name="floor"/>, a elsewhere.</summary>
    static abstract TV ZeroBelow(TV a, TV test, TV floor);

    /// <summary>Lanes 0 … count − 1 of <paramref name="value"/>, the rest from <paramref name="other"/>.</summary>
    static abstract TV KeepFirst(TV value, int count, TV other);

    /// <summary>Every lane rounded to bf16, nearest even, and widened again.</summary>
    static abstract TV Round(TV value);

    /// <summary>2ⁿ, n being the low bits of the lanes of 1.5·2²³ + n, −126 ≤ n ≤ 127.</summary>
    static abstract TV PowerOfTwo(TV biased);

    /// <summary>The sum of the lanes, by halves.</summary>
    static abstract float Sum(TV value);

    /// <summary>The largest lane.</summary>
    static abstract float Largest(TV value);

    /// <summary>Lane 0.</summary>
    static abstract float First(TV value);
}
