namespace Serving.Simulation.Randomness;

/// <summary>64-bit mixing functions (splitmix64, Steele et al. 2014).</summary>
internal static class Mixing
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    /// <summary>The next number of a splitmix64 stream.</summary>
    public static ulong SplitMix(ref ulong state)
    {
        state += Gamma;
        return Finish(state);
    }

    /// <summary>A bijection in which every input bit reaches every output bit.</summary>
    public static ulong Finish(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>A state that depends on all values folded into it and on their order.</summary>
    public static ulong Fold(ulong state, ulong value)
    {
        state = (state ^ value) * 0xBF58476D1CE4E5B9;
        return (state ^ (state >> 29)) + Gamma;
    }
}
