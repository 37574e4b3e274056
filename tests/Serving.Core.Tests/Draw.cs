namespace Serving.Core.Tests;

/// <summary>Random numbers from a seed: a 64-bit linear congruential generator (Knuth's constants), high bits taken.</summary>
internal sealed class Draw(int seed)
{
    private ulong _state = unchecked(((ulong)seed * 0x9E3779B97F4A7C15) + 1);

    /// <summary>A number from 0 up to <paramref name="bound"/>, exclusive.</summary>
    public int Below(int bound)
    {
        _state = unchecked((_state * 6364136223846793005) + 1442695040888963407);
        return (int)((_state >> 33) % (ulong)bound);
    }
}
