using Serving.Core.Tenancy;

namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// What is known of the adapters that one tenant may use. Folders are walked once a second at most, in one go however many ask; a walk that hangs holds nobody up for longer than a look
/// may take, and nobody who can be told what was seen before. Thread-safe.
/// </summary>
/// <param name="tenant">Whose turn a walk takes.</param>
/// <param name="walk">Walks the folders.</param>
/// <param name="loader">Asks the disk.</param>
/// <param name="time">Tells the time.</param>
internal sealed class WatchedList(TenantId tenant, Func<IReadOnlyList<AdapterHandle>> walk, AdapterLoader loader, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly DiskCaller _caller = new();
    private Task<ListedAdapters>? _walk;
    private IReadOnlyList<AdapterHandle>? _handles;
    private long _walkedAt;

    /// <summary>The list as it is on disk now, give or take a second.</summary>
    public ValueTask<ListedAdapters> CurrentAsync(CancellationToken cancellationToken)
    {
        Task<ListedAdapters> current;
        IReadOnlyList<AdapterHandle>? known;
        lock (_lock)
        {
            known = _handles;
            if (known is not null && time.GetElapsedTime(_walkedAt) < WatchedAdapter.LookInterval)
            {
                return ValueTask.FromResult(new ListedAdapters(known, null));
            }

            current = _walk ??= Task.Run(WalkAsync, CancellationToken.None);
        }

        return new ValueTask<ListedAdapters>(AwaitAsync(current, known, cancellationToken));
    }

    private async Task<ListedAdapters> AwaitAsync(Task<ListedAdapters> current, IReadOnlyList<AdapterHandle>? known, CancellationToken cancellationToken)
    {
        if (known is null)
        {
            return await current.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        try
        {
            var listed = await current.WaitAsync(WatchedAdapter.LookPatience, time, cancellationToken).ConfigureAwait(false);
            if (listed.Failure is null)
            {
                return listed;
            }
        }
        catch (TimeoutException)
        {
            // What was seen before will do.
        }

        loader.CountStale();
        return new ListedAdapters(known, null);
    }

    private async Task<ListedAdapters> WalkAsync()
    {
        using var late = new CancellationTokenSource(loader.Timeout, time);
        try
        {
            var handles = await loader.AskAsync(tenant, _caller, walk, late.Token).ConfigureAwait(false);
            lock (_lock)
            {
                _walkedAt = time.GetTimestamp();
                _handles = handles;
            }

            return new ListedAdapters(handles, null);
        }
        catch (Exception exception)
        {
            return new ListedAdapters([], loader.Broken(exception).Outcome);
        }
        finally
        {
            lock (_lock)
            {
                _walk = null;
            }
        }
    }
}
