namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// What is known of one adapter on disk. It is looked at once a second at most, by one task however many ask, and read again only when its
/// files look different. Thread-safe.
/// </summary>
internal sealed class WatchedAdapter(AdapterHandle handle, AdapterRegistry registry, AdapterLoader loader, TimeProvider time)
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromSeconds(60);

    /// <summary>How long a request waits for a look when the answer of the last one is known: a store that hangs holds nobody up.</summary>
    private static readonly TimeSpan LookPatience = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private readonly DiskCaller _caller = new();
    private Task<AdapterLoadOutcome>? _look;
    private AdapterLoadOutcome? _outcome;
    private AdapterStamp? _stamp;
    private long _lookedAt;
    private long _failedAt;
    private TimeSpan _backoff;

    /// <summary>What the last look came to; null before the first.</summary>
    public AdapterLoadOutcome? Last
    {
        get
        {
            lock (_lock)
            {
                return _outcome;
            }
        }
    }

    /// <summary>What the last look came to, if it is no older than a second.</summary>
    public AdapterLoadOutcome? Fresh
    {
        get
        {
            lock (_lock)
            {
                return time.GetElapsedTime(_lookedAt) < LookInterval ? _outcome : null;
            }
        }
    }

    /// <summary>The adapter as it is on disk now, give or take a second.</summary>
    public ValueTask<AdapterLoadOutcome> CurrentAsync(CancellationToken cancellationToken)
    {
        Task<AdapterLoadOutcome> look;
        AdapterLoadOutcome? known;
        lock (_lock)
        {
            known = _outcome;
            if (known is not null && time.GetElapsedTime(_lookedAt) < LookInterval)
            {
                return ValueTask.FromResult(known);
            }

            look = _look ??= Task.Run(LookAsync, CancellationToken.None);
        }

        return new ValueTask<AdapterLoadOutcome>(known?.Adapter is null ? look.WaitAsync(cancellationToken) : AwaitAsync(look, known, cancellationToken));
    }

    /// <summary>Reads the files whatever they look like, for an adapter that is no longer in memory. Every caller reads for itself: each gives its own lease back.</summary>
    public Task<LoadedAdapter> ReloadAsync() => Task.Run(ReadAgainAsync, CancellationToken.None);

    private async Task<AdapterLoadOutcome> AwaitAsync(Task<AdapterLoadOutcome> look, AdapterLoadOutcome known, CancellationToken cancellationToken)
    {
        try
        {
            return await look.WaitAsync(LookPatience, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return known;
        }
    }

    private async Task<AdapterLoadOutcome> LookAsync()
    {
        using var late = new CancellationTokenSource(loader.Timeout, time);
        try
        {
            return await LookAsync(late.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            return KeepBroken(e);
        }
        finally
        {
            lock (_lock)
            {
                _look = null;
            }
        }
    }

    private async Task<AdapterLoadOutcome> LookAsync(CancellationToken cancellationToken)
    {
        if (await LocateAsync(cancellationToken).ConfigureAwait(false) is not { } location)
        {
            return Keep(new LoadedAdapter(null, AdapterLoadOutcome.Unknown, null));
        }

        var stamp = await loader.LookAsync(_caller, location, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            if (_outcome is { IsUnknown: false } && stamp == _stamp && (_outcome.Adapter is not null || Remaining() > TimeSpan.Zero))
            {
                _lookedAt = time.GetTimestamp();
                return _outcome = _outcome with { RetryAfter = _outcome.Adapter is null ? Remaining() : TimeSpan.Zero };
            }
        }

        var loaded = await loader.LoadAsync(_caller, location, cancellationToken).ConfigureAwait(false);
        loaded.Lease?.Dispose();
        return Keep(loaded);
    }

    private async Task<LoadedAdapter> ReadAgainAsync()
    {
        using var late = new CancellationTokenSource(loader.Timeout, time);
        LoadedAdapter loaded;
        try
        {
            loaded = await LocateAsync(late.Token).ConfigureAwait(false) is { } location
                ? await loader.LoadAsync(_caller, location, late.Token).ConfigureAwait(false)
                : new LoadedAdapter(null, AdapterLoadOutcome.Unknown, null);
        }
        catch (Exception e)
        {
            loaded = loader.Broken(e);
        }

        return loaded with { Outcome = Keep(loaded) };
    }

    private Task<AdapterLocation?> LocateAsync(CancellationToken cancellationToken) => loader.AskAsync(_caller, () => registry.Locate(handle), cancellationToken);

    /// <summary>What was read before is still served: only whether it has changed since is not known.</summary>
    private AdapterLoadOutcome KeepBroken(Exception exception)
    {
        var broken = loader.Broken(exception);
        lock (_lock)
        {
            if (_outcome?.Adapter is not null)
            {
                _lookedAt = time.GetTimestamp();
                return _outcome;
            }
        }

        return Keep(broken);
    }

    private AdapterLoadOutcome Keep(LoadedAdapter loaded)
    {
        lock (_lock)
        {
            _lookedAt = time.GetTimestamp();
            _stamp = loaded.Stamp;
            _outcome = loaded.Outcome;
            if (loaded.Outcome.Adapter is not null || loaded.Outcome.IsUnknown)
            {
                _backoff = TimeSpan.Zero;
            }
            else
            {
                _failedAt = _lookedAt;
                _backoff = _backoff == TimeSpan.Zero ? LookInterval : TimeSpan.FromTicks(Math.Min(MaxBackoff.Ticks, _backoff.Ticks * 2));
                _outcome = loaded.Outcome with { RetryAfter = _backoff };
            }

            return _outcome;
        }
    }

    private TimeSpan Remaining() => _backoff - time.GetElapsedTime(_failedAt);
}
