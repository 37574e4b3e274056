using System.Globalization;

namespace Serving.LoadTests.Client;

/// <summary>One sample of a page of metrics.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Labels">What stands between the braces, as it stands there.</param>
/// <param name="Value">Its value.</param>
internal readonly record struct MetricSample(string Name, string Labels, double Value);

/// <summary>Reads Prometheus' text format (exposition format 0.0.4) as far as a reader of counters needs it; lines that are not of it are passed over.</summary>
internal static class PrometheusText
{
    /// <summary>Samples of a page at most; the rest is passed over.</summary>
    public const int MaxSamples = 100_000;

    /// <summary>Reads a page.</summary>
    public static IReadOnlyList<MetricSample> Parse(string page)
    {
        var samples = new List<MetricSample>();
        foreach (var line in page.AsSpan().EnumerateLines())
        {
            if (samples.Count < MaxSamples && ParseLine(line) is { } sample)
            {
                samples.Add(sample);
            }
        }

        return samples;
    }

    private static MetricSample? ParseLine(ReadOnlySpan<char> line)
    {
        line = line.Trim();
        if (line.IsEmpty || line[0] == '#')
        {
            return null;
        }

        var end = line.IndexOfAny("{ \t");
        if (end <= 0)
        {
            return null;
        }

        var (name, labels) = (line[..end].ToString(), "");
        var rest = line[end..];
        if (rest[0] == '{')
        {
            var close = EndOfLabels(rest);
            if (close < 0)
            {
                return null;
            }

            labels = rest[1..close].ToString();
            rest = rest[(close + 1)..];
        }

        rest = rest.TrimStart();
        var blank = rest.IndexOfAny(" \t");
        return Number(blank < 0 ? rest : rest[..blank]) is { } value ? new MetricSample(name, labels, value) : null;
    }

    // A brace inside a quoted value ends nothing, and a quote after a backslash neither.
    private static int EndOfLabels(ReadOnlySpan<char> text)
    {
        var quoted = false;
        for (var i = 1; i < text.Length; i++)
        {
            if (quoted && text[i] == '\\')
            {
                i++;
            }
            else if (text[i] == '"')
            {
                quoted = !quoted;
            }
            else if (text[i] == '}' && !quoted)
            {
                return i;
            }
        }

        return -1;
    }

    private static double? Number(ReadOnlySpan<char> text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        "NaN" => double.NaN,
        _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : null,
    };
}
