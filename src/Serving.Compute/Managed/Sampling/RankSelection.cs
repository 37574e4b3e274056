namespace Serving.Compute.Managed.Sampling;

/// <summary>
/// Keeps the largest of a row of probabilities, by count (top_k) or by mass (top_p), without sorting: three passes find the value at which the count or mass
/// is reached, 11, 11 and 10 bits at a time (the bits of floats that are not negative are ordered as the floats are). Among equals the lowest ids are kept.
/// </summary>
internal static unsafe class RankSelection
{
    /// <summary>Bins that the caller lends.</summary>
    public const int BinCount = 1 << 11;

    /// <summary>Zeroes all but the <paramref name="count"/> largest values.</summary>
    public static void KeepCount(float* values, int length, int count, double[] bins) => Keep(values, length, count, byMass: false, bins);

    /// <summary>Zeroes all but the largest values whose sum reaches <paramref name="mass"/>, the one that crosses it included.</summary>
    public static void KeepMass(float* values, int length, double mass, double[] bins) => Keep(values, length, mass, byMass: true, bins);

    private static void Keep(float* values, int length, double target, bool byMass, double[] bins)
    {
        uint prefix = 0;
        var above = 0.0;
        foreach (var (shift, width) in (ReadOnlySpan<(int, int)>)[(21, 11), (10, 11), (0, 10)])
        {
            Fill(values, length, prefix, shift, width, byMass, bins);
            var bin = Crossing(bins, width, target, isPart: shift != 21, ref above);
            if (bin < 0)
            {
                return;
            }

            prefix |= (uint)bin << shift;
        }

        ZeroBelow(values, length, BitConverter.UInt32BitsToSingle(prefix), target - above, byMass);
    }

    /// <summary>Adds up the values whose bits above this digit are the prefix's, by digit.</summary>
    private static void Fill(float* values, int length, uint prefix, int shift, int width, bool byMass, double[] bins)
    {
        Array.Clear(bins, 0, 1 << width);
        var upper = shift + width;
        for (var i = 0; i < length; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(values[i]);
            if (values[i] > 0 && (upper == 32 || bits >> upper == prefix >> upper))
            {
                bins[(bits >> shift) & ((1u << width) - 1)] += byMass ? values[i] : 1;
            }
        }
    }

    /// <summary>The highest bin at which the sum from above reaches the target, or −1 where even all of them stay below.</summary>
    private static int Crossing(double[] bins, int width, double target, bool isPart, ref double above)
    {
        var lowest = -1;
        for (var bin = (1 << width) - 1; bin >= 0; bin--)
        {
            if (bins[bin] == 0)
            {
                continue;
            }

            if (above + bins[bin] >= target)
            {
                return bin;
            }

            above += bins[bin];
            lowest = bin;
        }

        if (lowest < 0 || !isPart)
        {
            return -1;
        }

        // Sums of parts may round to less than the sum of the whole that was found to reach the target: the last part is then the one that does.
        above -= bins[lowest];
        return lowest;
    }

    private static void ZeroBelow(float* values, int length, float threshold, double wanted, bool byMass)
    {
        var taken = 0.0;
        for (var i = 0; i < length; i++)
        {
            if (values[i] < threshold)
            {
                values[i] = 0;
            }
            else if (values[i] == threshold)
            {
                if (taken >= wanted)
                {
                    values[i] = 0;
                }
                else
                {
                    taken += byMass ? values[i] : 1;
                }
            }
        }
    }
}
