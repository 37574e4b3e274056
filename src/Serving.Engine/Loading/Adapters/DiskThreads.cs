using System.Collections.Concurrent;

namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// The threads that look at adapters' files and read them. A call to a file system that hangs (NFS without its server, a disk that does not answer) cannot be ended: who waits for one gives
/// up, and its thread is one of these until the call returns. So they are few, and no thread of the pool, which serves everybody, is ever among those that hang.
/// </summary>
internal sealed class DiskThreads
{
    /// <summary>
    /// Calls at once, those that hang included, each with one adapter's files in memory at most. When all hang nothing is read until one returns, and whoever asks is told so at its deadline.
    /// </summary>
    public const int Most = 8;

    private readonly SemaphoreSlim _free = new(Most);

    /// <summary>As many calls at most as threads.</summary>
    private readonly BlockingCollection<Action> _calls = new(Most);
    private int _busy;
    private int _threads;

    /// <summary>Calls under way, those that hang included.</summary>
    public int Busy => Volatile.Read(ref _busy);

    /// <summary>Does work on one of the threads.</summary>
    /// <param name="caller">For whom: nothing is begun for one of whose calls somebody has given up on, until that has returned.</param>
    /// <param name="work">A call, or some of them.</param>
    /// <param name="cancellationToken">Gives up: what comes back later is nobody's.</param>
    /// <exception cref="TimeoutException">A call for this caller hangs.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public async Task<T> RunAsync<T>(DiskCaller caller, Func<T> work, CancellationToken cancellationToken)
    {
        caller.ThrowIfHung();
        await _free.WaitAsync(cancellationToken).ConfigureAwait(false);
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var call = caller.Begin();
        EnsureThread(Interlocked.Increment(ref _busy));
        _calls.Add(() => Complete(done, call, work), CancellationToken.None);
        try
        {
            return await done.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!done.Task.IsCompleted)
        {
            call.GiveUp();
            throw;
        }
    }

    private void Complete<T>(TaskCompletionSource<T> done, DiskCaller.DiskCall call, Func<T> work)
    {
        T? result = default;
        Exception? failure = null;
        try
        {
            result = work();
        }
        catch (Exception exception)
        {
            // Whatever it is, it is the caller's: this thread goes on to serve others.
            failure = exception;
        }

        // Free first: who is told may want the thread at once.
        call.Return();
        Interlocked.Decrement(ref _busy);
        _free.Release();
        _ = failure is null ? done.TrySetResult(result!) : done.TrySetException(failure);
        _ = done.Task.Exception;
    }

    /// <summary>Starts another thread when more calls are under way than there are threads; they stay, at rest.</summary>
    private void EnsureThread(int busy)
    {
        for (var threads = Volatile.Read(ref _threads); threads < busy; threads = Volatile.Read(ref _threads))
        {
            if (Interlocked.CompareExchange(ref _threads, threads + 1, threads) == threads)
            {
                // In the background: a call that hangs does not keep the process from ending.
                new Thread(Serve) { IsBackground = true, Name = $"adapter files {threads}" }.Start();
                return;
            }
        }
    }

    private void Serve()
    {
        foreach (var call in _calls.GetConsumingEnumerable())
        {
            call();
        }
    }
}
