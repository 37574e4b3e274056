using System.Globalization;
using System.Text.Json;

namespace Serving.Benchmarks.Cuda;

/// <summary>Rows as lines of text and as JSON. Figures of the emulator are marked: they say that the benchmark runs, and nothing else.</summary>
/// <param name="Device">The GPU.</param>
/// <param name="Shape">The model's shape.</param>
/// <param name="IsEmulated">A library stands in for the driver.</param>
/// <param name="Rows">The figures.</param>
internal sealed record BenchmarkReport(string Device, string Shape, bool IsEmulated, IReadOnlyList<BenchmarkRow> Rows)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Whether a figure reaches its bar; null where it has none, or means nothing.</summary>
    public bool? Passed(BenchmarkRow row) => IsEmulated ? null : row.Bar?.IsReachedBy(row.Figure);

    /// <summary>Prints a line for each row.</summary>
    public void Print(TextWriter output)
    {
        output.WriteLine(IsEmulated ? $"{Device}, {Shape}: emulated, the figures mean nothing" : $"{Device}, {Shape}");
        foreach (var row in Rows)
        {
            var verdict = Passed(row) switch { true => "pass", false => "FAIL", null => "-" };
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Measure,-72} {row.Figure,10:G4} {row.Unit,-9} {row.Bar?.ToString() ?? "-",-9} {verdict,-5} {row.Limit}"));
        }
    }

    /// <summary>Writes JSON.</summary>
    public void Write(string file) => File.WriteAllText(file, JsonSerializer.Serialize(
        new
        {
            device = Device,
            shape = Shape,
            emulated = IsEmulated,
            rows = Rows.Select(row => new { row.Key, row.Measure, row.Figure, row.Unit, bar = row.Bar?.ToString(), row.Limit, passed = Passed(row) }),
        },
        Options));
}
