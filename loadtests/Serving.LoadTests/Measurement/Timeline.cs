namespace Serving.LoadTests.Measurement;

/// <summary>A phase cut into equal stretches of time: of a quarter of a second, and when they are too many, of twice that, again and again. Thread safe.</summary>
internal sealed class Timeline
{
    /// <summary>Stretches at most: 4 MB of histograms.</summary>
    public const int MaxStretches = 120;

    private readonly Lock _lock = new();
    private readonly List<Stretch> _stretches = [];
    private double _width = 0.25;

    /// <summary>A request is due.</summary>
    public void Arrive(double now) => Count(now, stretch => stretch.Arrived++);

    /// <summary>A request ended.</summary>
    public void End(double now, bool failed) => Count(now, stretch => _ = failed ? stretch.Failed++ : stretch.Ended++);

    /// <summary>Tokens came.</summary>
    public void Tokens(double now, int count) => Count(now, stretch => stretch.Tokens += count);

    /// <summary>A first token came.</summary>
    public void First(double now, double ttft) => Count(now, stretch => stretch.Ttft.Record(ttft));

    /// <summary>All stretches so far.</summary>
    public IReadOnlyList<TimelinePoint> Points()
    {
        lock (_lock)
        {
            return [.. _stretches.Select((stretch, i) =>
                new TimelinePoint(i * _width, stretch.Arrived, stretch.Ended, stretch.Failed, stretch.Tokens, stretch.Ttft.Quantile(0.5), stretch.Ttft.Quantile(0.99)))];
        }
    }

    private void Count(double now, Action<Stretch> count)
    {
        lock (_lock)
        {
            while (now / _width >= MaxStretches)
            {
                Halve();
            }

            var index = (int)(Math.Max(0, now) / _width);
            while (_stretches.Count <= index)
            {
                _stretches.Add(new Stretch());
            }

            count(_stretches[index]);
        }
    }

    private void Halve()
    {
        _width *= 2;
        for (var i = 0; 2 * i < _stretches.Count; i++)
        {
            _stretches[i] = _stretches[2 * i];
            if ((2 * i) + 1 < _stretches.Count)
            {
                _stretches[i].Add(_stretches[(2 * i) + 1]);
            }
        }

        _stretches.RemoveRange((_stretches.Count + 1) / 2, _stretches.Count / 2);
    }

    private sealed class Stretch
    {
        public LogHistogram Ttft { get; } = new();

        public long Arrived { get; set; }

        public long Ended { get; set; }

        public long Failed { get; set; }

        public long Tokens { get; set; }

        public void Add(Stretch other)
        {
            Ttft.Add(other.Ttft);
            (Arrived, Ended, Failed, Tokens) = (Arrived + other.Arrived, Ended + other.Ended, Failed + other.Failed, Tokens + other.Tokens);
        }
    }
}
