using System.Globalization;
using System.Text.Json;

namespace Serving.Benchmarks.Cuda;

/// <summary>Rows as lines of text and as JSON, both as they come. Figures of the emulator are marked: they say that the benchmark runs, and nothing else.</summary>
internal sealed class BenchmarkReport
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly string _device;
    private readonly string _shape;
    private readonly bool _isEmulated;
    private readonly TextWriter _output;
    private readonly string? _file;
    private readonly List<BenchmarkRow> _rows = [];

    /// <summary>A report without rows.</summary>
    /// <param name="device">The GPU.</param>
    /// <param name="shape">The model's shape.</param>
    /// <param name="isEmulated">A library stands in for the driver.</param>
    /// <param name="output">Takes a line for each row.</param>
    /// <param name="file">Where all rows so far stand as JSON; null for nowhere.</param>
    public BenchmarkReport(string device, string shape, bool isEmulated, TextWriter output, string? file)
    {
        (_device, _shape, _isEmulated, _output, _file) = (device, shape, isEmulated, output, file);
        output.WriteLine(isEmulated ? $"{device}, {shape}: emulated, the figures mean nothing" : $"{device}, {shape}");
    }

    /// <summary>Takes rows, each as soon as it is measured.</summary>
    public void Add(IEnumerable<BenchmarkRow> rows)
    {
        foreach (var row in rows)
        {
            _rows.Add(row);
            var verdict = Passed(row) switch { true => "pass", false => "FAIL", null => "-" };
            _output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Measure,-72} {row.Figure,10:G4} {row.Unit,-9} {row.Bar?.ToString() ?? "-",-9} {verdict,-5} {row.Limit}"));
            Write();
        }
    }

    /// <summary>Whether a figure reaches its bar; null where it has none, or means nothing.</summary>
    private bool? Passed(BenchmarkRow row) => _isEmulated ? null : row.Bar?.IsReachedBy(row.Figure);

    private void Write()
    {
        if (_file is not null)
        {
            File.WriteAllText(_file, JsonSerializer.Serialize(
                new
                {
                    device = _device,
                    shape = _shape,
                    emulated = _isEmulated,
                    rows = _rows.Select(row => new { row.Key, row.Measure, row.Figure, row.Unit, bar = row.Bar?.ToString(), row.Limit, passed = Passed(row) }),
                },
                Options));
        }
    }
}
