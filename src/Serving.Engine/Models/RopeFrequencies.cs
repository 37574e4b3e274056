using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>The angle per position of every rotated pair, in double, after scaling.</summary>
public static class RopeFrequencies
{
    /// <summary>Builds the table of a model: positions 0 … <paramref name="positions"/> − 1, headSize / 2 pairs.</summary>
    /// <param name="rope">The rotary embedding.</param>
    /// <param name="headSize">Elements of a head.</param>
    /// <param name="positions">Positions to cover: the longest sequence that is served.</param>
    /// <param name="rotatedSize">Elements of a head that are rotated; the pairs behind them get angle zero (see <see cref="HeadOrder"/>). Null for all.</param>
    public static RopeTable CreateTable(RopeConfig rope, int headSize, int positions, int? rotatedSize = null)
    {
        var frequencies = new double[headSize / 2];
        Of(rope, rotatedSize ?? headSize, positions).CopyTo(frequencies, 0);
        var amplitude = rope.Scaling switch
        {
            YarnRope yarn => yarn.Amplitude,
            LongRope longRope => longRope.Amplitude,
            _ => 1,
        };
        return RopeTable.Create(positions, frequencies, amplitude);
    }

    /// <summary>Radians per position, one per pair: theta^(−2i ÷ headSize), then scaled.</summary>
    public static double[] Of(RopeConfig rope, int headSize, int positions = 0)
    {
        var frequencies = new double[headSize / 2];
        for (var pair = 0; pair < frequencies.Length; pair++)
        {
            var frequency = Math.Pow(rope.Theta, -2.0 * pair / headSize);
            frequencies[pair] = rope.Scaling switch
            {
                LinearRope linear => frequency / linear.Factor,
                Llama3Rope llama3 => Scale(llama3, frequency),
                YarnRope yarn => Scale(yarn, frequency, pair, headSize, rope.Theta),
                PairRope pairs => frequency / pairs.Factors[pair],
                LongRope longRope => frequency / longRope.FactorsFor(positions)[pair],
                _ => frequency,
            };
        }

        return frequencies;
    }

    private static double Scale(Llama3Rope rope, double frequency)
    {
        var wavelength = 2 * Math.PI / frequency;
        if (wavelength < rope.OriginalPositions / rope.HighFrequencyFactor)
        {
            return frequency;
        }

        if (wavelength > rope.OriginalPositions / rope.LowFrequencyFactor)
        {
            return frequency / rope.Factor;
        }

        var smooth = ((rope.OriginalPositions / wavelength) - rope.LowFrequencyFactor) / (rope.HighFrequencyFactor - rope.LowFrequencyFactor);
        return ((1 - smooth) * frequency / rope.Factor) + (smooth * frequency);
    }

    private static double Scale(YarnRope rope, double frequency, int pair, int headSize, double theta)
    {
        var first = PairOf(rope.BetaFast, rope.OriginalPositions, headSize, theta);
        var last = PairOf(rope.BetaSlow, rope.OriginalPositions, headSize, theta);
        if (rope.Truncate)
        {
            first = Math.Floor(first);
            last = Math.Ceiling(last);
        }

        first = Math.Max(first, 0);
        last = Math.Min(last, headSize - 1);
        last = first == last ? last + 0.001 : last;
        var stretched = Math.Clamp((pair - first) / (last - first), 0, 1);
        return (frequency / rope.Factor * stretched) + (frequency * (1 - stretched));
    }

    /// <summary>The (fractional) pair that rotates <paramref name="rotations"/> times over the original length.</summary>
    private static double PairOf(double rotations, int positions, int headSize, double theta)
    {
        return headSize * Math.Log(positions / (rotations * 2 * Math.PI)) / (2 * Math.Log(theta));
    }
}
