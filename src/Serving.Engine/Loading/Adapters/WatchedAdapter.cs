using Serving.Core.Tenancy;

namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// What is known of one adapter on disk. It is looked at once a second at most, by one task however many ask, and read again only when its
/// files look different. Thread-safe.
/// </summary>
internal sealed class WatchedAdapter(AdapterHandle handle, AdapterRegistry registry, AdapterLoader loader, TimeProvider time)
{
    /// <summary>How long what was seen is taken for what is.</summary>
    public static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromSeconds(60);

    /// <summary>How long a request waits for a look when the answer of the last one is known: a store that hangs holds nobody up.</summary>
    public static readonly TimeSpan LookPatience = TimeSpan.FromMilliseconds(250);

    /// <summary>How long a look may take for an adapter that is on its way into the pool.</summary>
    private static readonly TimeSpan ReloadPatience = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly DiskCaller _caller = new();
    private Look? _look;
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
    /// <param name="tenant">Who asks: of those who wait for one look the first, whose turn it takes.</param>
    /// <param name="cancellationToken">Goes away. When all have that waited for a look, it ends.</param>
    public ValueTask<AdapterLoadOutcome> CurrentAsync(TenantId tenant, CancellationToken cancellationToken)
    {
        Look look;
        AdapterLoadOutcome? known;
        lock (_lock)
        {
            known = _outcome;
            if (known is not null && time.GetElapsedTime(_lookedAt) < LookInterval)
            {
                return ValueTask.FromResult(known);
            }

            look = _look ??= Begin(tenant);
            look.Waiters++;
        }

        return new ValueTask<AdapterLoadOutcome>(AwaitAsync(look, known?.Adapter is null ? null : known, cancellationToken));
    }

    /// <summary>Reads the files whatever they look like, for an adapter that is no longer in memory. Every caller reads for itself: each gives its own lease back.</summary>
    public Task<LoadedAdapter> ReloadAsync(CancellationToken cancellationToken) => Task.Run(() => ReadAgainAsync(cancellationToken), CancellationToken.None);

    // Who does not wait for the end, since the last one's answer is known, counts as waiting on: the look goes on for those who come later.
    private async Task<AdapterLoadOutcome> AwaitAsync(Look look, AdapterLoadOutcome? known, CancellationToken cancellationToken)
    {
        try
        {
            return await (known is null ? look.Task.WaitAsync(cancellationToken) : look.Task.WaitAsync(LookPatience, time, cancellationToken)).ConfigureAwait(false);
        }
        catch (TimeoutException) when (known is not null)
        {
            loader.CountStale();
            return known;
        }
        catch (OperationCanceledException)
        {
            Leave(look);
            throw;
        }
    }

    private void Leave(Look look)
    {
        lock (_lock)
        {
            if (--look.Waiters > 0)
            {
                return;
            }

            _look = _look == look ? null : _look; // Whoever comes now begins another one.
        }

        look.Gone.Cancel();
    }

    private Look Begin(TenantId tenant)
    {
        var look = new Look();
        look.Task = Task.Run(() => LookAsync(look, tenant), CancellationToken.None);
        return look;
    }

    private async Task<AdapterLoadOutcome> LookAsync(Look look, TenantId tenant)
    {
        using var late = new CancellationTokenSource(loader.Timeout, time);
        using var givenUp = CancellationTokenSource.CreateLinkedTokenSource(late.Token, look.Gone.Token);
        try
        {
            return await LookAsync(new LookEnd(tenant, late.Token, givenUp.Token)).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Nobody waits, or another one may ask at once: neither says anything of the files.
            return (e is OperationCanceledException && look.Gone.IsCancellationRequested) || e is DiskBusyException ? AsSeen(loader.Broken(e).Outcome) : KeepBroken(e);
        }
        finally
        {
            lock (_lock)
            {
                _look = _look == look ? null : _look;
            }
        }
    }

    private async Task<AdapterLoadOutcome> LookAsync(LookEnd end)
    {
        if (await LocateAsync(end).ConfigureAwait(false) is not { } location)
        {
            return Keep(new LoadedAdapter(null, AdapterLoadOutcome.Unknown, null));
        }

        var stamp = await loader.LookAsync(_caller, location, end).ConfigureAwait(false);
        lock (_lock)
        {
            if (_outcome is { IsUnknown: false } && stamp == _stamp && (_outcome.Adapter is not null || Remaining() > TimeSpan.Zero))
            {
                _lookedAt = time.GetTimestamp();
                return _outcome = _outcome with { RetryAfter = _outcome.Adapter is null ? Remaining() : TimeSpan.Zero };
            }
        }

        var loaded = await loader.LoadAsync(_caller, location, end).ConfigureAwait(false);
        loaded.Lease?.Dispose();
        return Keep(loaded);
    }

    private async Task<LoadedAdapter> ReadAgainAsync(CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(loader.Timeout, time);
        using var givenUp = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        var end = new LookEnd(new TenantId(handle.Owner ?? ""), late.Token, givenUp.Token);
        LoadedAdapter loaded;
        try
        {
            loaded = await FindAgainAsync(end).ConfigureAwait(false) is { } location
                ? await loader.LoadAsync(_caller, location, end).ConfigureAwait(false)
                : new LoadedAdapter(null, AdapterLoadOutcome.Unknown, null);
        }
        catch (Exception e)
        {
            loaded = loader.Broken(e);
        }

        return loaded with { Outcome = Keep(loaded) };
    }

    // Two adapters at a time are on their way into the pool, and other tenants' wait behind them: a disk that hangs is found out before it is read from.
    private async Task<AdapterLocation?> FindAgainAsync(LookEnd end)
    {
        if (loader.Hangs(end.Tenant))
        {
            throw new TimeoutException("A call to the owner's files hangs.");
        }

        using var late = new CancellationTokenSource(ReloadPatience, time);
        var soon = end with { Late = late.Token };
        if (await LocateAsync(soon).ConfigureAwait(false) is not { } location)
        {
            return null;
        }

        await loader.LookAsync(_caller, location, soon).ConfigureAwait(false);
        return location;
    }

    private Task<AdapterLocation?> LocateAsync(LookEnd end) => loader.AskAsync(end.Tenant, _caller, () => registry.Locate(handle), end.Late);

    /// <summary>What was read before is still served: only whether it has changed since is not known.</summary>
    private AdapterLoadOutcome KeepBroken(Exception exception)
    {
        var broken = loader.Broken(exception);
        lock (_lock)
        {
            if (_outcome?.Adapter is not null)
            {
                loader.CountStale();
                _lookedAt = time.GetTimestamp();
                return _outcome;
            }
        }

        return Keep(broken);
    }

    private AdapterLoadOutcome AsSeen(AdapterLoadOutcome broken)
    {
        lock (_lock)
        {
            if (_outcome?.Adapter is null)
            {
                return broken;
            }

            loader.CountStale();
            return _outcome;
        }
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

    /// <summary>A look under way.</summary>
    private sealed class Look
    {
        public Task<AdapterLoadOutcome> Task { get; set; } = null!;

        public CancellationTokenSource Gone { get; } = new();

        public int Waiters { get; set; }
    }
}
