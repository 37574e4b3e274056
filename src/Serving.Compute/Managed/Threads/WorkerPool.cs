namespace Serving.Compute.Managed.Threads;

/// <summary>
/// Persistent threads that share the items of one piece of work at a time; the calling thread is worker 0. Waiting spins a bounded while and then parks.
/// </summary>
/// <remarks>
/// One 64-bit ticket holds (epoch, next item). A worker claims an item by comparing and exchanging the whole ticket, so a worker that wakes late, with
/// the epoch of work that is over, claims nothing; the caller waits for the items, never for the sleepers. A ticket is closed before the work it belongs
/// to is replaced.
/// </remarks>
internal sealed class WorkerPool : IDisposable
{
    /// <summary>Spins before a waiting thread parks: about the time between two operations of a step.</summary>
    private const int SpinLimit = 2000;

    /// <summary>Below this many multiply-adds waking others costs more than it gives.</summary>
    private const long InlineCost = 64 * 1024;

    private const uint Closed = int.MaxValue;

    private readonly object _workGate = new();
    private readonly object _doneGate = new();
    private readonly Thread[] _threads;
    private IParallelWork? _work;
    private Exception? _failure;
    private int _items;
    private long _ticket = Closed;
    private int _done;
    private int _parked;
    private bool _callerParked;
    private volatile bool _stopping;

    /// <summary>Starts <paramref name="workers"/> − 1 threads.</summary>
    public WorkerPool(int workers)
    {
        WorkerCount = workers;
        _threads = new Thread[workers - 1];
        for (var i = 0; i < _threads.Length; i++)
        {
            var worker = i + 1;
            _threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"compute-{worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Workers, the caller included.</summary>
    public int WorkerCount { get; }

    /// <summary>How many workers a machine of <paramref name="processors"/> cores gets: one core is left to the host from 4 cores up.</summary>
    public static int DefaultWorkers(int processors) =>
        Math.Clamp(processors >= 4 ? processors - 1 : processors, 1, ManagedBackendOptions.MaxThreads);

    /// <summary>Runs all items of <paramref name="work"/> and returns when they are done.</summary>
    /// <param name="work">The work.</param>
    /// <param name="items">Number of items.</param>
    /// <param name="cost">Estimate of its multiply-adds; little work stays on the calling thread.</param>
    public void Run(IParallelWork work, int items, long cost)
    {
        if (items <= 1 || cost < InlineCost || _threads.Length == 0)
        {
            for (var item = 0; item < items; item++)
            {
                work.Execute(item, 0);
            }

            return;
        }

        Share(work, items);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping = true;
        lock (_workGate)
        {
            Monitor.PulseAll(_workGate);
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }
    }

    private void Share(IParallelWork work, int items)
    {
        _work = work;
        _items = items;
        _done = 0;
        var epoch = (uint)(_ticket >> 32) + 1;
        Interlocked.Exchange(ref _ticket, (long)epoch << 32);
        if (Volatile.Read(ref _parked) != 0)
        {
            lock (_workGate)
            {
                Monitor.PulseAll(_workGate);
            }
        }

        Drain(epoch, 0);
        AwaitItems(items);
        Interlocked.Exchange(ref _ticket, ((long)epoch << 32) | Closed);
        if (_failure is { } failure)
        {
            _failure = null;
            throw new InvalidOperationException("A compute worker failed.", failure);
        }
    }

    private void Work(int worker)
    {
        uint seen = 0;
        while (AwaitEpoch(ref seen))
        {
            Drain(seen, worker);
        }
    }

    private void Drain(uint epoch, int worker)
    {
        while (true)
        {
            var ticket = Volatile.Read(ref _ticket);
            if ((uint)(ticket >> 32) != epoch)
            {
                return;
            }

            var work = _work!;
            var items = Volatile.Read(ref _items);
            var item = (uint)ticket;
            if (item >= items)
            {
                return;
            }

            if (Interlocked.CompareExchange(ref _ticket, ticket + 1, ticket) == ticket)
            {
                Execute(work, (int)item, worker);
                if (Interlocked.Increment(ref _done) == items)
                {
                    SignalDone();
                }
            }
        }
    }

    private void Execute(IParallelWork work, int item, int worker)
    {
        try
        {
            work.Execute(item, worker);
        }
        catch (Exception failure)
        {
            // An item that throws is a bug; the caller reports it once the other items are out of the work's memory.
            Interlocked.CompareExchange(ref _failure, failure, null);
        }
    }

    private bool AwaitEpoch(ref uint seen)
    {
        for (var spin = 0; spin < SpinLimit; spin++)
        {
            if (_stopping)
            {
                return false;
            }

            if (TakeEpoch(ref seen))
            {
                return true;
            }

            Thread.SpinWait(1);
        }

        lock (_workGate)
        {
            Interlocked.Increment(ref _parked);
            while (!_stopping && !TakeEpoch(ref seen))
            {
                Monitor.Wait(_workGate);
            }

            Interlocked.Decrement(ref _parked);
        }

        return !_stopping;
    }

    private bool TakeEpoch(ref uint seen)
    {
        var epoch = (uint)(Volatile.Read(ref _ticket) >> 32);
        var changed = epoch != seen;
        seen = epoch;
        return changed;
    }

    private void AwaitItems(int items)
    {
        for (var spin = 0; spin < SpinLimit; spin++)
        {
            if (Volatile.Read(ref _done) == items)
            {
                return;
            }

            Thread.SpinWait(1);
        }

        lock (_doneGate)
        {
            Volatile.Write(ref _callerParked, true);
            Interlocked.MemoryBarrier();
            while (Volatile.Read(ref _done) != items)
            {
                Monitor.Wait(_doneGate);
            }

            _callerParked = false;
        }
    }

    private void SignalDone()
    {
        if (Volatile.Read(ref _callerParked))
        {
            lock (_doneGate)
            {
                Monitor.PulseAll(_doneGate);
            }
        }
    }
}
