namespace Serving.LoadTests.Measurement;

/// <summary>
/// How much memory the daemon has over a phase, looked at in equal intervals, which double whenever there are too many. What is compared is the median of the first quarter of the looks
/// with that of the last: a garbage collector's ups and downs do not count, and what grows for hours does. One thread at a time.
/// </summary>
internal sealed class MemoryMeter
{
    /// <summary>Looks that are kept at most.</summary>
    public const int MaxLooks = 512;

    /// <summary>Looks without which nothing is compared.</summary>
    public const int MinLooks = 8;

    private readonly List<double> _looks = [];
    private double _max;

    /// <summary>Seconds between two looks.</summary>
    public double Interval { get; private set; } = 0.25;

    /// <summary>A look.</summary>
    /// <param name="bytes">Memory that is resident.</param>
    public void Record(double bytes)
    {
        _max = Math.Max(_max, bytes);
        _looks.Add(bytes);
        if (_looks.Count < MaxLooks)
        {
            return;
        }

        for (var i = 0; i < MaxLooks / 2; i++)
        {
            _looks[i] = _looks[2 * i];
        }

        _looks.RemoveRange(MaxLooks / 2, MaxLooks / 2);
        Interval *= 2;
    }

    /// <summary>memory_first and memory_last in bytes, memory_max, and memory_growth, last over first; none when there were too few looks.</summary>
    /// <param name="name">What stands in the place of "memory".</param>
    public IReadOnlyList<(string Name, double Value)> Metrics(string name = "memory")
    {
        if (_looks.Count < MinLooks)
        {
            return [];
        }

        var quarter = _looks.Count / 4;
        var (first, last) = (Median(_looks.Take(quarter)), Median(_looks.TakeLast(quarter)));
        return [($"{name}_first", first), ($"{name}_last", last), ($"{name}_max", _max), ($"{name}_growth", first > 0 ? last / first : 0)];
    }

    private static double Median(IEnumerable<double> values) => values.Order().ToArray() is var ordered ? ordered[ordered.Length / 2] : 0;
}
