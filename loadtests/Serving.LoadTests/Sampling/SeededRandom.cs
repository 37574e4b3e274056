namespace Serving.LoadTests.Sampling;

/// <summary>
/// A stream of random numbers that depends on its seeds and nothing else, the same on every machine (SplitMix64, Steele et al. 2014). Streams of different seeds are
/// independent, so that request 17 is the same request however many came before it.
/// </summary>
internal sealed class SeededRandom
{
    private ulong _state;

    /// <summary>A stream of its own for each combination of numbers.</summary>
    public SeededRandom(params ReadOnlySpan<long> seeds)
    {
        foreach (var seed in seeds)
        {
            _state = Mix(_state ^ (ulong)seed);
        }
    }

    /// <summary>Uniform over [0, 1).</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform over [0, below).</summary>
    public int NextInt(int below) => (int)(NextDouble() * below);

    /// <summary>Standard normal (Box and Muller).</summary>
    public double NextNormal() => Math.Sqrt(-2 * Math.Log(1 - NextDouble())) * Math.Cos(2 * Math.PI * NextDouble());

    /// <summary>Exponential with mean 1.</summary>
    public double NextExponential() => -Math.Log(1 - NextDouble());

    /// <summary>Density alpha·x^(alpha-1) on [0, 1): what NumPy calls power, and S-LoRA draws adapters by.</summary>
    public double NextPower(double alpha) => Math.Pow(NextDouble(), 1 / alpha);

    /// <summary>Gamma with the given shape and mean shape·scale (Marsaglia and Tsang 2000; shapes below 1 by their power trick).</summary>
    public double NextGamma(double shape, double scale)
    {
        if (shape < 1)
        {
            return NextGamma(shape + 1, scale) * Math.Pow(1 - NextDouble(), 1 / shape);
        }

        var d = shape - (1.0 / 3);
        var c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            var x = NextNormal();
            var v = Math.Pow(1 + (c * x), 3);
            if (v > 0 && Math.Log(1 - NextDouble()) < (0.5 * x * x) + d - (d * v) + (d * Math.Log(v)))
            {
                return d * v * scale;
            }
        }
    }

    /// <summary>Puts the elements into a random order, all orders alike (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var other = NextInt(i + 1);
            (items[i], items[other]) = (items[other], items[i]);
        }
    }

    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    private ulong NextBits()
    {
        var bits = Mix(_state);
        _state += 0x9E3779B97F4A7C15;
        return bits;
    }
}
