using System.Numerics;

namespace Serving.LoadTests.Measurement;

/// <summary>
/// Counts times in buckets whose width grows with the time, as HdrHistogram does: between two powers of two lie 128 equal buckets, and a quantile is a bucket's middle, so it is
/// off by <see cref="RelativeError"/> at most (or half a microsecond). From 1 µs to 19 hours in 30 KB whatever is recorded; longer times count as the longest. Not thread safe.
/// </summary>
internal sealed class LogHistogram
{
    /// <summary>The largest relative error of a quantile.</summary>
    public const double RelativeError = 1.0 / (2 * Buckets);

    private const int Buckets = 128;
    private const int BucketBits = 7;
    private const int LargestPower = 36;
    private const double Microsecond = 1e-6;
    private readonly long[] _counts = new long[Buckets * (LargestPower - BucketBits + 1)];
    private double _sum;

    /// <summary>How many were recorded.</summary>
    public long Count { get; private set; }

    /// <summary>The shortest, exactly; 0 when there is none.</summary>
    public double Min { get; private set; }

    /// <summary>The longest, exactly; 0 when there is none.</summary>
    public double Max { get; private set; }

    /// <summary>The mean, exactly; 0 when there is none.</summary>
    public double Mean => Count == 0 ? 0 : _sum / Count;

    /// <summary>Counts a time; a negative one counts as none at all (0).</summary>
    /// <param name="seconds">In seconds.</param>
    public void Record(double seconds)
    {
        seconds = Math.Max(0, seconds);
        var microseconds = (ulong)Math.Min(seconds / Microsecond, (1UL << LargestPower) - 1);
        _counts[IndexOf(microseconds)]++;
        Min = Count == 0 ? seconds : Math.Min(Min, seconds);
        Max = Math.Max(Max, seconds);
        _sum += seconds;
        Count++;
    }

    /// <summary>The least time that at least this share of what was recorded does not exceed; 0 when there is none.</summary>
    /// <param name="share">0 to 1.</param>
    public double Quantile(double share)
    {
        if (Count == 0)
        {
            return 0;
        }

        var rank = Math.Clamp((long)Math.Ceiling(share * Count), 1, Count);
        var index = 0;
        for (var seen = _counts[0]; seen < rank; seen += _counts[index])
        {
            index++;
        }

        return Math.Clamp(Middle(index) * Microsecond, Min, Max);
    }

    /// <summary>Adds what another one has counted.</summary>
    public void Add(LogHistogram other)
    {
        if (other.Count == 0)
        {
            return;
        }

        for (var i = 0; i < _counts.Length; i++)
        {
            _counts[i] += other._counts[i];
        }

        Min = Count == 0 ? other.Min : Math.Min(Min, other.Min);
        Max = Math.Max(Max, other.Max);
        _sum += other._sum;
        Count += other.Count;
    }

    // Values under 128 have a bucket each; above, the leading bit chooses the row and the seven bits after it the bucket.
    private static int IndexOf(ulong value)
    {
        var row = Math.Max(0, BitOperations.Log2(value | 1) - BucketBits);
        return row == 0 ? (int)value : (Buckets * row) + (int)(value >> row);
    }

    private static double Middle(int index)
    {
        if (index < 2 * Buckets)
        {
            return index + 0.5;
        }

        var row = (index / Buckets) - 1;
        return (index - (Buckets * row) + 0.5) * (1UL << row);
    }
}
