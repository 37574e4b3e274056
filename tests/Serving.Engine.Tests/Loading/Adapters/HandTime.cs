namespace Serving.Engine.Tests.Loading.Adapters;

/// <summary>Timestamps and timers that a test sets forward; the wall clock, by which files are stamped, is the system's.</summary>
internal sealed class HandTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<HandTimer> _timers = [];
    private TimeSpan _now;

    /// <summary>Timers as short as this go off as soon as they are set, and time is then as if they had been waited for.</summary>
    public TimeSpan Skipped { get; init; } = TimeSpan.MinValue;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return _now.Ticks;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        lock (_lock)
        {
            var timer = new HandTimer(this, () => callback(state)) { Due = dueTime < TimeSpan.Zero ? TimeSpan.MaxValue : _now + dueTime };
            if (dueTime >= TimeSpan.Zero && dueTime <= Skipped)
            {
                _now += dueTime;
                ThreadPool.QueueUserWorkItem(_ => timer.Call());
            }
            else
            {
                _timers.Add(timer);
            }

            return timer;
        }
    }

    /// <summary>Sets the time forward and calls who is due, on the caller's thread.</summary>
    public void Advance(TimeSpan time)
    {
        HandTimer[] due;
        lock (_lock)
        {
            _now += time;
            due = [.. _timers.Where(timer => timer.Due <= _now)];
            _timers.RemoveAll(due.Contains);
        }

        Array.ForEach(due, timer => timer.Call());
    }

    private sealed class HandTimer(HandTime time, Action call) : ITimer
    {
        public Action Call => call;

        public TimeSpan Due { get; set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                Due = dueTime < TimeSpan.Zero ? TimeSpan.MaxValue : time._now + dueTime;
                return true;
            }
        }

        public void Dispose()
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
