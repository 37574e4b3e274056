using Serving.LoadTests.Client;
using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Running;

/// <summary>Looks at the daemon's memory while a phase runs.</summary>
/// <param name="look">Asks the daemon for its figures.</param>
/// <param name="warmUp">Seconds before the first look.</param>
/// <param name="time">The clock.</param>
internal sealed class MemoryWatch(Func<CancellationToken, Task<ServerMetrics?>> look, double warmUp, TimeProvider time)
{
    /// <summary>What was seen.</summary>
    public MemoryMeter Meter { get; } = new();

    /// <summary>Looks until it is cancelled, or the daemon shows no memory.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(warmUp), time, cancel);
            while (await look(cancel) is { ResidentBytes: { } bytes })
            {
                Meter.Record(bytes);
                await Task.Delay(TimeSpan.FromSeconds(Meter.Interval), time, cancel);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The phase is over.
        }
    }
}
