using System.Collections.Concurrent;
using Serving.Core.Tenancy;
using Serving.Engine.Turns;

namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// The threads that look at adapters' files and folders, and read them. A call to a file system that hangs (NFS without its server, a disk that does not answer) cannot be ended: who waits
/// for one gives up, and its thread is one of these until the call returns. So they are few, a tenant has some of them at most, and no thread of the pool, which serves everybody, is ever
/// among those that hang.
/// </summary>
internal sealed class DiskThreads
{
    /// <summary>Calls at once, those that hang included. When all hang nothing is read until one returns, and whoever asks is told so at its deadline.</summary>
    public const int Most = 16;

    /// <summary>Of one tenant: a folder that hangs, mounted for it alone, leaves the others their threads.</summary>
    public const int MostPerTenant = 4;

    /// <summary>Calls of one tenant that wait for a thread: as many requests as a daemon queues by default, each for another adapter.</summary>
    public const int MostWaiting = 1024;

    private readonly TenantTurns _turns = new(Most, MostPerTenant, MostWaiting);

    /// <summary>As many calls at most as threads.</summary>
    private readonly BlockingCollection<Action> _calls = new(Most);
    private readonly DiskCaller _all = new();
    private readonly ConcurrentDictionary<TenantId, DiskCaller> _tenants = new();
    private int _busy;
    private int _threads;
    private long _givenUp;
    private long _refused;

    /// <summary>How the disk does.</summary>
    public AdapterDisk Now => new(Volatile.Read(ref _busy), _all.Hung, _turns.Waiting, Interlocked.Read(ref _givenUp), Interlocked.Read(ref _refused), 0);

    /// <summary>Whether a call of a tenant hangs.</summary>
    public bool Hangs(TenantId tenant) => _tenants.TryGetValue(tenant, out var calls) && calls.Hung > 0;

    /// <summary>Does work on one of the threads.</summary>
    /// <param name="tenant">Who asks.</param>
    /// <param name="caller">For what: nothing is begun for a thing one of whose calls somebody has given up on, until that has returned.</param>
    /// <param name="work">A call, or some of them.</param>
    /// <param name="late">Gives up a call that takes longer than it may: what comes back later is nobody's.</param>
    /// <param name="gone">Gives up waiting, which says nothing of the disk.</param>
    /// <exception cref="TimeoutException">A call for this caller hangs.</exception>
    /// <exception cref="DiskBusyException">Too many of the tenant's calls wait.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public async Task<T> RunAsync<T>(TenantId tenant, DiskCaller caller, Func<T> work, CancellationToken late, CancellationToken gone = default)
    {
        caller.ThrowIfHung();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late, gone);
        if (!await _turns.WaitAsync(tenant, either.Token).ConfigureAwait(false))
        {
            Interlocked.Increment(ref _refused);
            throw new DiskBusyException();
        }

        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        DiskCaller.DiskCall[] calls = [caller.Begin(), _tenants.GetOrAdd(tenant, static _ => new DiskCaller()).Begin(), _all.Begin()];
        EnsureThread(Interlocked.Increment(ref _busy));
        _calls.Add(
            () => Complete(done, work, () =>
            {
                Array.ForEach(calls, static call => call.Return());
                Interlocked.Decrement(ref _busy);
                _turns.Release(tenant);
            }),
            CancellationToken.None);
        try
        {
            return await done.Task.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !done.Task.IsCompleted)
        {
            Interlocked.Increment(ref _givenUp);
            Array.ForEach(calls, static call => call.GiveUp());
            throw;
        }
    }

    private static void Complete<T>(TaskCompletionSource<T> done, Func<T> work, Action free)
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
        free();
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
