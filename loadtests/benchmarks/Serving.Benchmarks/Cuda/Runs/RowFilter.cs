using System.IO.Enumeration;

namespace Serving.Benchmarks.Cuda;

/// <summary>Which rows are wanted, and in which order: key patterns with <c>*</c>, the most wanted first.</summary>
internal sealed class RowFilter
{
    private readonly string[] _globs;

    /// <summary>Wants what the patterns of a comma-separated list match; everything where there is none.</summary>
    public RowFilter(string? list) => _globs = list?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? ["*"];

    /// <summary>Whether a pattern of a key (<c>product.*</c>) or a key is that of a row.</summary>
    public static bool Matches(string pattern, string key) => FileSystemName.MatchesSimpleExpression(pattern, key, ignoreCase: false);

    /// <summary>
    /// The wanted measurements by group: groups and what is in them in the order of the first pattern that wants them, and as they are given where that says nothing.
    /// A measurement that is wanted for one of its rows gives them all.
    /// </summary>
    /// <exception cref="ArgumentException">A pattern that no row has: a misspelt one would look like a row that did not run.</exception>
    public IReadOnlyList<(MeasurementGroup Group, Measurement[] Wanted)> Pick(IReadOnlyList<MeasurementGroup> groups)
    {
        var keys = groups.SelectMany(group => group.Measurements).SelectMany(measurement => measurement.Keys).ToArray();
        if (_globs.FirstOrDefault(glob => !keys.Any(key => Matches(glob, key))) is { } unknown)
        {
            throw new ArgumentException($"--rows: no row is called {unknown}. There are: {string.Join(' ', keys)}");
        }

        var picked =
            from @group in groups
            let wanted = @group.Measurements.Where(measurement => Turn(measurement) >= 0).OrderBy(Turn).ToArray()
            where wanted.Length > 0
            orderby Turn(wanted[0])
            select (@group, wanted);
        return [.. picked];
    }

    private int Turn(Measurement measurement) => Array.FindIndex(_globs, glob => measurement.Keys.Any(key => Matches(glob, key)));
}
