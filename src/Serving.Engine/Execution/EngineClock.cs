namespace Serving.Engine.Execution;

/// <summary>The engine's time: monotonic microseconds since it was made, so that no clock jump reaches a decision.</summary>
public sealed class EngineClock
{
    private readonly TimeProvider _time;
    private readonly long _start;

    /// <summary>Starts at 1, so that 0 can stand for "never".</summary>
    public EngineClock(TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        _time = time;
        _start = time.GetTimestamp();
    }

    /// <summary>Microseconds since the start.</summary>
    public long Now => 1 + (long)(_time.GetElapsedTime(_start).TotalSeconds * 1e6);
}
