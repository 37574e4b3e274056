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

    /// <summary>
    /// The same without what a garbage collector has: that comes and goes with what was allocated last, and by more than a slow leak brings in an hour. Empty where the daemon does not tell the two apart.
    /// </summary>
    public MemoryMeter Unmanaged { get; } = new();

    /// <summary>Looks until it is cancelled, or the daemon shows no memory.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(warmUp), time, cancel);
            while (await look(cancel) is { ResidentBytes: { } bytes } metrics)
            {
                Meter.Record(bytes);
                if (metrics.ManagedBytes is { } managed)
                {
                    Unmanaged.Record(Math.Max(0, bytes - managed));
                }

                await Task.Delay(TimeSpan.FromSeconds(Meter.Interval), time, cancel);
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // The phase is over.
        }
    }
}
