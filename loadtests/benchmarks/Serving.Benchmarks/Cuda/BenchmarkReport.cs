using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Serving.Benchmarks.Cuda;

/// <summary>
/// Rows as lines of text and as JSON, both as they come: whenever the process is killed, the file is whole, and names the rows that did not run. Figures of the emulator are marked: they say
/// that the benchmark runs, and nothing else.
/// </summary>
internal sealed class BenchmarkReport
{
    private const string NotReached = "not reached";

    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly string _device;
    private readonly string _shape;
    private readonly bool _isEmulated;
    private readonly TextWriter _output;
    private readonly string? _file;
    private readonly List<(BenchmarkRow Row, double Seconds)> _rows = [];
    private readonly List<(string Name, double Seconds)> _setUps = [];

    /// <summary>Rows that are wanted and not there, by key, with the reason.</summary>
    private readonly Dictionary<string, string> _missing = [];

    /// <summary>Rows that do not exist on this device, by key.</summary>
    private readonly List<string> _absent = [];

    private long _lastRow = Stopwatch.GetTimestamp();

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

    /// <summary>Names rows that are to come: until then they count as not run.</summary>
    public void Expect(IEnumerable<string> keys)
    {
        foreach (var key in keys)
        {
            _missing[key] = NotReached;
        }

        Write();
    }

    /// <summary>Takes a row when it is measured; one of the same key gives way to it.</summary>
    public void Add(BenchmarkRow row)
    {
        var seconds = Lap();
        _rows.RemoveAll(other => other.Row.Key == row.Key);
        _rows.Add((row, seconds));
        foreach (var key in _missing.Keys.Where(key => RowFilter.Matches(key, row.Key)).ToArray())
        {
            _missing.Remove(key);
        }

        var verdict = Passed(row) switch { true => "pass", false => "FAIL", null => "-" };
        _output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Measure,-72} {row.Figure,10:G4} {row.Unit,-9} {row.Bar?.ToString() ?? "-",-9} {verdict,-5} {row.Limit}"));
        Write();
    }

    /// <summary>Notes how long a set-up took, which is in no row's time.</summary>
    public void AddSetUp(string name, double seconds)
    {
        Lap();
        _setUps.Add((name, seconds));
        Write();
    }

    /// <summary>Says why rows do not come, as far as they have not.</summary>
    public void Miss(IEnumerable<string> keys, string reason)
    {
        foreach (var key in keys.Where(_missing.ContainsKey).ToArray())
        {
            _missing[key] = reason;
        }

        Write();
    }

    /// <summary>Rows that have not come by now do not exist on this device.</summary>
    public void Settle(IEnumerable<string> keys)
    {
        foreach (var key in keys.Where(_missing.Remove))
        {
            _absent.Add(key);
            _output.WriteLine($"{key}: there is nothing to measure here on this device");
        }

        Write();
    }

    /// <summary>Says which rows did not run.</summary>
    public void Finish()
    {
        foreach (var (key, reason) in _missing)
        {
            _output.WriteLine($"not run: {key}: {reason}");
        }
    }

    /// <summary>Whether a figure reaches its bar; null where it has none, or means nothing.</summary>
    private bool? Passed(BenchmarkRow row) => _isEmulated ? null : row.Bar?.IsReachedBy(row.Figure);

    /// <summary>Seconds since this was last called.</summary>
    private double Lap()
    {
        var now = Stopwatch.GetTimestamp();
        var seconds = Stopwatch.GetElapsedTime(_lastRow, now).TotalSeconds;
        _lastRow = now;
        return seconds;
    }

    private void Write()
    {
        if (_file is null)
        {
            return;
        }

        // Renamed over the last one, so that who is killed here leaves that.
        var next = _file + ".next";
        File.WriteAllText(next, JsonSerializer.Serialize(
            new
            {
                device = _device,
                shape = _shape,
                emulated = _isEmulated,
                rows = _rows.Select(pair => new
                {
                    pair.Row.Key,
                    pair.Row.Measure,
                    pair.Row.Figure,
                    pair.Row.Unit,
                    bar = pair.Row.Bar?.ToString(),
                    pair.Row.Limit,
                    passed = Passed(pair.Row),
                    seconds = Math.Round(pair.Seconds, 3),
                }),
                setUps = _setUps.Select(setUp => new { setUp.Name, seconds = Math.Round(setUp.Seconds, 3) }),
                absent = _absent,
                notRun = _missing.Select(pair => new { pair.Key, reason = pair.Value }),
            },
            Options));
        File.Move(next, _file, overwrite: true);
    }
}
