namespace Serving.Simulation.Worlds;

/// <summary>How often each mark was hit.</summary>
internal sealed class MarkSet
{
    private readonly long[] _counts = new long[Enum.GetValues<Mark>().Length];

    /// <summary>Times a mark was hit.</summary>
    public long this[Mark mark] => _counts[(int)mark];

    /// <summary>Hits a mark.</summary>
    public void Hit(Mark mark) => _counts[(int)mark]++;

    /// <summary>Adds another run's hits.</summary>
    public void Add(MarkSet other)
    {
        for (var index = 0; index < _counts.Length; index++)
        {
            _counts[index] += other._counts[index];
        }
    }

    /// <summary>Marks that were never hit.</summary>
    public IReadOnlyList<Mark> Missing() => [.. Enum.GetValues<Mark>().Where(mark => this[mark] == 0)];

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", Enum.GetValues<Mark>().Select(mark => $"{mark}={this[mark]}"));
}
