namespace Serving.Engine.Telemetry;

/// <summary>A histogram with fixed upper bounds. One writer at a time per observation; readers may be a step behind.</summary>
public sealed class Histogram
{
    private readonly double[] _bounds;
    private readonly long[] _counts;
    private readonly Lock _lock = new();
    private double _sum;

    /// <summary>Takes ascending upper bounds; a last bucket without a bound is added.</summary>
    public Histogram(params double[] bounds)
    {
        _bounds = bounds;
        _counts = new long[bounds.Length + 1];
    }

    /// <summary>Upper bounds, ascending, without the last infinite one.</summary>
    public ReadOnlySpan<double> Bounds => _bounds;

    /// <summary>Adds one observation.</summary>
    public void Observe(double value)
    {
        var bucket = 0;
        while (bucket < _bounds.Length && value > _bounds[bucket])
        {
            bucket++;
        }

        lock (_lock)
        {
            _counts[bucket]++;
            _sum += value;
        }
    }

    /// <summary>Copies the count of each bucket (not cumulated, the infinite one last) and returns the sum of all observations.</summary>
    public double Read(Span<long> counts)
    {
        lock (_lock)
        {
            _counts.CopyTo(counts);
            return _sum;
        }
    }
}
