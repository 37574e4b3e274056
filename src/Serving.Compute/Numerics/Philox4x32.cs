using System.Runtime.CompilerServices;

namespace Serving.Compute.Numerics;

/// <summary>
/// The counter-based generator Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a pure function of key and counter,
/// so that a token's random number does not depend on what was drawn before.
/// </summary>
public static class Philox4x32
{
    private const int Rounds = 10;
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;

    /// <summary>Four random words.</summary>
    /// <param name="c0">Counter, word 0.</param>
    /// <param name="c1">Counter, word 1.</param>
    /// <param name="c2">Counter, word 2.</param>
    /// <param name="c3">Counter, word 3.</param>
    /// <param name="key">Key; word 0 is its lower half.</param>
    public static (uint W0, uint W1, uint W2, uint W3) Generate(uint c0, uint c1, uint c2, uint c3, ulong key)
    {
        var (k0, k1) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < Rounds; round++)
        {
            var product0 = (ulong)Multiplier0 * c0;
            var product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>
    /// The random number of a sampled token, in [0, 1): the upper 24 bits of word 0 at counter (<paramref name="outputIndex"/>,
    /// <paramref name="choiceIndex"/>, 0, 0), times 2⁻²⁴.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Uniform(ulong seed, uint outputIndex, uint choiceIndex) =>
        (Generate(outputIndex, choiceIndex, 0, 0, seed).W0 >> 8) * (1f / 16777216f);
}
