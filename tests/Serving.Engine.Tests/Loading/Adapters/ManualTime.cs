namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>Timestamps that a test sets forward; the wall clock, by which files are stamped, and timers are the system's.</summary>
internal sealed class ManualTime : TimeProvider
{
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);
}
