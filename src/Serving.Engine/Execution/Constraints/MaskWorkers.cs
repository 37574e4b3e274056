using Serving.Core.Tenancy;
using Serving.Engine.Telemetry;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// Threads that work out masks which nobody has needed before: milliseconds with a large vocabulary, more for a hostile grammar. The engine thread does not wait for them; the sequence
/// whose mask it is does: it gets no rows until then, and what was computed ahead for it does not count. Tenants take turns: one with many costly masks holds up another one by those under
/// way and one of every tenant.
/// </summary>
public sealed class MaskWorkers : IDisposable
{
    // A monitor: the threads wait on it.
    private readonly object _gate = new();
    private readonly Dictionary<TenantId, Queue<(SequenceConstraint Constraint, long Posted)>> _waiting = [];

    // Those of whom something waits, the next one first.
    private readonly Queue<TenantId> _rotation = [];
    private readonly int _capacity;
    private readonly EngineClock _clock;
    private readonly EngineStatistics _statistics;
    private readonly Thread[] _threads;
    private int _count;
    private bool _isEnding;

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">How many; they compete with the model for the processors.</param>
    /// <param name="capacity">Sequences that can wait at once: each has one mask to come at most, so that those that can run bound them.</param>
    /// <param name="clock">Time.</param>
    /// <param name="statistics">Where waiting is counted.</param>
    /// <param name="done">Called on a thread of these whenever a mask is there.</param>
    public MaskWorkers(int threads, int capacity, EngineClock clock, EngineStatistics statistics, Action done)
    {
        _capacity = capacity;
        _clock = clock;
        _statistics = statistics;
        _threads = [.. Enumerable.Range(0, threads).Select(number => new Thread(() => Run(done)) { IsBackground = true, Name = $"masks {number}" })];
        foreach (var thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>Has a sequence's mask worked out.</summary>
    /// <param name="tenant">Whose turn it takes.</param>
    /// <param name="constraint">Where the mask goes.</param>
    /// <returns>False when too many wait.</returns>
    public bool TryPost(TenantId tenant, SequenceConstraint constraint)
    {
        lock (_gate)
        {
            if (_count == _capacity || _isEnding)
            {
                return false;
            }

            if (!_waiting.TryGetValue(tenant, out var own))
            {
                _waiting[tenant] = own = [];
                _rotation.Enqueue(tenant);
            }

            own.Enqueue((constraint, _clock.Now));
            _count++;
            Monitor.Pulse(_gate);
            return true;
        }
    }

    /// <summary>Ends the threads once they have done what is under way; what waits is nobody's any more, since the engine has ended.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isEnding = true;
            Monitor.PulseAll(_gate);
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }
    }

    private void Run(Action done)
    {
        while (TryTake(out var posted))
        {
            posted.Constraint.WorkOut();
            _statistics.MaskWaitTime.Observe((_clock.Now - posted.Posted) * 1e-6);
            done();
        }
    }

    private bool TryTake(out (SequenceConstraint Constraint, long Posted) posted)
    {
        lock (_gate)
        {
            while (_count == 0 && !_isEnding)
            {
                Monitor.Wait(_gate);
            }

            posted = _isEnding ? default : TakeNext();
            return !_isEnding;
        }
    }

    private (SequenceConstraint Constraint, long Posted) TakeNext()
    {
        var tenant = _rotation.Dequeue();
        var own = _waiting[tenant];
        var posted = own.Dequeue();
        _count--;
        if (own.Count > 0)
        {
            _rotation.Enqueue(tenant);
        }
        else
        {
            _waiting.Remove(tenant);
        }

        return posted;
    }
}
