using System.Globalization;
using System.Text;
using Serving.Engine.Telemetry;

namespace Serving.Server.Telemetry;

/// <summary>Writes Prometheus' text format, version 0.0.4: a family's HELP and TYPE, then its series.</summary>
internal sealed class PrometheusWriter
{
    private readonly StringBuilder _text = new(16 << 10);

    /// <summary>What was written, as bytes.</summary>
    public byte[] ToBytes() => Encoding.UTF8.GetBytes(_text.ToString());

    /// <summary>Begins a family.</summary>
    public void Family(string name, string type, string help) =>
        _text.Append("# HELP ").Append(name).Append(' ').Append(help).Append("\n# TYPE ").Append(name).Append(' ').Append(type).Append('\n');

    /// <summary>A family with one series.</summary>
    public void Single(string name, string type, string help, string labels, double value)
    {
        Family(name, type, help);
        Series(name, labels, value);
    }

    /// <summary>One series.</summary>
    /// <param name="name">The series' name.</param>
    /// <param name="labels">Its labels, already written by <see cref="Label"/> and joined by commas.</param>
    /// <param name="value">Its value.</param>
    public void Series(string name, string labels, double value) =>
        _text.Append(name).Append('{').Append(labels).Append("} ").Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');

    /// <summary>A histogram with its cumulated buckets, sum and count.</summary>
    public void Histogram(string name, string help, string labels, Histogram histogram)
    {
        Family(name, "histogram", help);
        Span<long> counts = stackalloc long[histogram.Bounds.Length + 1];
        var sum = histogram.Read(counts);
        var total = 0L;
        for (var i = 0; i < counts.Length; i++)
        {
            total += counts[i];
            var bound = i < histogram.Bounds.Length ? histogram.Bounds[i].ToString("0.0###", CultureInfo.InvariantCulture) : "+Inf";
            Series($"{name}_bucket", $"{labels},le=\"{bound}\"", total);
        }

        Series($"{name}_sum", labels, sum);
        Series($"{name}_count", labels, total);
    }

    /// <summary>A label with its value escaped.</summary>
    public static string Label(string name, string value) =>
        $"{name}=\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}\"";
}
