namespace Serving.LoadTests.Measurement;

/// <summary>Seconds since a phase began, by a monotonic clock.</summary>
internal sealed class PhaseClock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();

    /// <summary>Now.</summary>
    public double Now => time.GetElapsedTime(_start).TotalSeconds;

    /// <summary>Waits for a moment; at once when it has passed.</summary>
    public Task UntilAsync(double at, CancellationToken cancel)
    {
        var left = at - Now;
        return left <= 0 ? Task.CompletedTask : Task.Delay(TimeSpan.FromSeconds(left), time, cancel);
    }
}
