using System.Numerics;

namespace Serving.Simulation.Randomness;

/// <summary>xoshiro256** (Blackman and Vigna 2018), seeded through splitmix64: the same numbers in every process and on every machine.</summary>
internal sealed class Prng
{
    private ulong _a;
    private ulong _b;
    private ulong _c;
    private ulong _d;

    /// <summary>One stream of numbers: <paramref name="stream"/> separates the uses of one seed, so that switching one use off leaves the others as they were.</summary>
    public Prng(ulong seed, ulong stream)
    {
        var state = seed ^ Mixing.Finish(stream + 1);
        _a = Mixing.SplitMix(ref state);
        _b = Mixing.SplitMix(ref state);
        _c = Mixing.SplitMix(ref state);
        _d = Mixing.SplitMix(ref state);
    }

    /// <summary>64 uniform bits.</summary>
    public ulong NextBits()
    {
        var result = BitOperations.RotateLeft(_b * 5, 7) * 9;
        var shifted = _b << 17;
        _c ^= _a;
        _d ^= _b;
        _b ^= _c;
        _a ^= _d;
        _c ^= shifted;
        _d = BitOperations.RotateLeft(_d, 45);
        return result;
    }

    /// <summary>Uniform in 0 … <paramref name="bound"/> − 1.</summary>
    public int Below(int bound) => (int)(((UInt128)NextBits() * (ulong)bound) >> 64);

    /// <summary>Uniform in <paramref name="low"/> … <paramref name="high"/>, both included.</summary>
    public int Between(int low, int high) => low + Below(high - low + 1);

    /// <summary>Uniform in [0, 1).</summary>
    public double Unit() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True with probability <paramref name="probability"/>.</summary>
    public bool Chance(double probability) => Unit() < probability;

    /// <summary>Log-uniform in <paramref name="low"/> … <paramref name="high"/>: small numbers as often as large ones.</summary>
    public int Spread(int low, int high) => Math.Clamp((int)(low * Math.Pow((high + 1.0) / low, Unit())), low, high);
}
