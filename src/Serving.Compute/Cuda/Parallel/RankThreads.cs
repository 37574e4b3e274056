namespace Serving.Compute.Cuda.Parallel;

/// <summary>
/// A thread for every rank, which does what is asked of all of them: a rank that waits inside a library for the others must not keep them from coming. The mailbox
/// holds one command, as the caller waits until all have done it; what a device does meanwhile goes on.
/// </summary>
internal sealed class RankThreads : IDisposable
{
    private readonly object _gate = new();
    private readonly Thread[] _threads;
    private readonly Exception?[] _failures;
    private readonly Action _onFailure;
    private Action<int>? _command;
    private int _posted;
    private int _running;
    private bool _stopping;

    /// <summary>Starts the threads.</summary>
    /// <param name="ranks">How many.</param>
    /// <param name="onFailure">Called by a thread whose command has failed, while others may still wait for it: frees them.</param>
    public RankThreads(int ranks, Action onFailure)
    {
        _onFailure = onFailure;
        _failures = new Exception?[ranks];
        _threads = new Thread[ranks];
        for (var i = 0; i < ranks; i++)
        {
            var rank = i;
            _threads[i] = new Thread(() => Work(rank)) { IsBackground = true, Name = $"rank {rank}" };
            _threads[i].Start();
        }
    }

    /// <summary>Lets every rank do something and waits for all. One caller at a time.</summary>
    /// <returns>By rank, what went wrong; null when nothing did anywhere.</returns>
    public IReadOnlyList<Exception?>? Run(Action<int> command)
    {
        lock (_gate)
        {
            Array.Clear(_failures);
            _command = command;
            _running = _threads.Length;
            _posted++;
            Monitor.PulseAll(_gate);
            while (_running > 0)
            {
                Monitor.Wait(_gate);
            }

            _command = null;
            return Array.TrueForAll(_failures, failure => failure is null) ? null : [.. _failures];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }
    }

    private void Work(int rank)
    {
        for (var done = 0; Take(done) is { } command; done++)
        {
            try
            {
                command(rank);
            }
            catch (Exception exception)
            {
                _failures[rank] = exception;
                _onFailure();
            }

            lock (_gate)
            {
                _running--;
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Waits for the command after <paramref name="done"/> others; null is the end.</summary>
    private Action<int>? Take(int done)
    {
        lock (_gate)
        {
            while (_posted == done && !_stopping)
            {
                Monitor.Wait(_gate);
            }

            return _posted == done ? null : _command;
        }
    }
}
