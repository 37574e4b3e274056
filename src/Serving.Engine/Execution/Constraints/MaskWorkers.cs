using System.Threading.Channels;
using Serving.Engine.Telemetry;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// Threads that work out masks which nobody has needed before: milliseconds with a large vocabulary, more for a hostile grammar. The engine thread does not wait for them; the sequence
/// whose mask it is does: it gets no rows until then, and what was computed ahead for it does not count.
/// </summary>
public sealed class MaskWorkers : IDisposable
{
    private readonly Channel<(SequenceConstraint Constraint, long Posted)> _queue;
    private readonly EngineClock _clock;
    private readonly EngineStatistics _statistics;
    private readonly Thread[] _threads;

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">How many; they compete with the model for the processors.</param>
    /// <param name="capacity">Sequences that can wait at once: each has one mask to come at most, so that those that can run bound them.</param>
    /// <param name="clock">Time.</param>
    /// <param name="statistics">Where waiting is counted.</param>
    /// <param name="done">Called on a thread of these whenever a mask is there.</param>
    public MaskWorkers(int threads, int capacity, EngineClock clock, EngineStatistics statistics, Action done)
    {
        _queue = Channel.CreateBounded<(SequenceConstraint, long)>(capacity);
        _clock = clock;
        _statistics = statistics;
        _threads = [.. Enumerable.Range(0, threads).Select(number => new Thread(() => Run(done)) { IsBackground = true, Name = $"masks {number}" })];
        foreach (var thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>Has a sequence's mask worked out.</summary>
    /// <returns>False when too many wait.</returns>
    public bool TryPost(SequenceConstraint constraint) => _queue.Writer.TryWrite((constraint, _clock.Now));

    /// <summary>Ends the threads once they have done what was posted.</summary>
    public void Dispose()
    {
        _queue.Writer.TryComplete();
        foreach (var thread in _threads)
        {
            thread.Join();
        }
    }

    private void Run(Action done)
    {
        while (_queue.Reader.WaitToReadAsync().AsTask().Result)
        {
            while (_queue.Reader.TryRead(out var posted))
            {
                posted.Constraint.WorkOut();
                _statistics.MaskWaitTime.Observe((_clock.Now - posted.Posted) * 1e-6);
                done();
            }
        }
    }
}
