using System.Diagnostics;
using Serving.Compute.Backends;

namespace Serving.Benchmarks.Cuda;

/// <summary>Goes through groups of measurements until a limit of time; what did not run stays in the report by name, with the reason.</summary>
/// <param name="report">Takes rows.</param>
/// <param name="isOver">Whether the time is up: no measurement is begun then.</param>
internal sealed class BenchmarkRun(BenchmarkReport report, Func<bool> isOver)
{
    private readonly List<Exception> _failures = [];

    /// <summary>Runs them; a failure ends its group and no other, as errors of a device stay in the context that they came up in.</summary>
    /// <returns>What failed.</returns>
    public IReadOnlyList<Exception> Run(IReadOnlyList<(MeasurementGroup Group, Measurement[] Wanted)> picked)
    {
        report.Expect(picked.SelectMany(pick => pick.Wanted).SelectMany(measurement => measurement.Keys));
        foreach (var (group, wanted) in picked)
        {
            if (!isOver())
            {
                Run(group, wanted);
            }
        }

        report.Finish();
        return _failures;
    }

    private void Run(MeasurementGroup group, Measurement[] wanted)
    {
        try
        {
            using (group)
            {
                var start = Stopwatch.GetTimestamp();
                group.SetUp();
                report.AddSetUp(group.Name, Stopwatch.GetElapsedTime(start).TotalSeconds);
                foreach (var measurement in wanted.TakeWhile(_ => !isOver()))
                {
                    foreach (var row in measurement.Run())
                    {
                        report.Add(row);
                    }

                    report.Settle(measurement.Keys);
                }
            }
        }
        catch (Exception exception) when (exception is ComputeException or InvalidOperationException or PlatformNotSupportedException)
        {
            Console.Error.WriteLine($"{group.Name}: {exception.Message}");
            report.Miss(wanted.SelectMany(measurement => measurement.Keys), exception.Message);
            _failures.Add(exception);
        }
    }
}
