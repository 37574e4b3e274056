using System.Collections.Concurrent;
using Serving.Core.Memory;
using Serving.Core.Tenancy;

namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// The adapters on disk, by tenant and name, and prepared ones in host memory, by digest. Names choose what is opened; everything behind the
/// door knows digests only. Thread-safe; whatever asks the disk does so on threads of its own (<see cref="DiskThreads"/>), and no failure of one adapter touches another.
/// </summary>
public sealed class AdapterStore
{
    /// <summary>Most names remembered; unknown ones are forgotten first.</summary>
    private const int MaxWatched = 65_536;

    /// <summary>Most tenants whose lists are remembered.</summary>
    private const int MaxLists = 4096;

    private readonly ConcurrentDictionary<AdapterHandle, WatchedAdapter> _watched = new();
    private readonly ConcurrentDictionary<string, WatchedList> _lists = new(StringComparer.Ordinal);
    private readonly DiskCaller _listing = new();
    private readonly AdapterStoreOptions _options;
    private readonly AdapterRegistry _registry;
    private readonly AdapterLoader _loader;
    private readonly HostCache _cache;

    /// <summary>Makes a store; nothing is read yet.</summary>
    public AdapterStore(AdapterStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _cache = new HostCache(options.HostCacheBytes, options.PreparedBytes, options.Prepare);
        _registry = new AdapterRegistry(options.Root is { } root ? options.Folders(root) : null, options.BaseName);
        _loader = new AdapterLoader(options, _cache);
    }

    /// <summary>Bytes of prepared adapters in host memory.</summary>
    public long HostCacheBytes => _cache.Bytes;

    /// <summary>Adapters in host memory.</summary>
    public int HostCacheCount => _cache.Count;

    /// <summary>Tells the time.</summary>
    public TimeProvider Time => _options.Time;

    /// <summary>How the disk that adapters lie on does.</summary>
    public AdapterDisk Disk => _loader.Disk;

    /// <summary>
    /// Finds what a name means to a tenant, its own before a shared one. Looks at the disk unless the name was opened within the last second; files that were never opened are not checked.
    /// </summary>
    public async ValueTask<FoundAdapter> ResolveAsync(string tenant, string name, CancellationToken cancellationToken = default)
    {
        foreach (var handle in Candidates(tenant, name))
        {
            var found = await FindAsync(new TenantId(tenant), handle, cancellationToken).ConfigureAwait(false);
            if (found.Handle is not null || found.Failure is not null)
            {
                return found;
            }
        }

        return default;
    }

    /// <summary>Opens what a name means to a tenant, its own before a shared one: one look at the disk per second and name, one read per content.</summary>
    public async ValueTask<OpenedAdapter> OpenAsync(string tenant, string name, CancellationToken cancellationToken = default)
    {
        foreach (var handle in Candidates(tenant, name))
        {
            var outcome = await Watch(handle).CurrentAsync(new TenantId(tenant), cancellationToken).ConfigureAwait(false);
            if (!outcome.IsUnknown)
            {
                return new OpenedAdapter(handle, outcome);
            }
        }

        return new OpenedAdapter(default, AdapterLoadOutcome.Unknown);
    }

    /// <summary>Opens an adapter.</summary>
    public ValueTask<AdapterLoadOutcome> OpenAsync(AdapterHandle handle, CancellationToken cancellationToken = default)
    {
        return AdapterNames.IsValid(handle.Name) ? Watch(handle).CurrentAsync(new TenantId(handle.Owner ?? ""), cancellationToken) : ValueTask.FromResult(AdapterLoadOutcome.Unknown);
    }

    /// <summary>An adapter that was opened before, read and prepared again if it is no longer in host memory. Content that has changed since fails as replaced.</summary>
    public async ValueTask<AdapterReload> ReloadAsync(Digest digest, CancellationToken cancellationToken = default)
    {
        if (_cache.TryLease(digest) is { } kept)
        {
            return new AdapterReload(kept, AdapterFailure.Unknown, "");
        }

        // Several names may lead to one content, other tenants' among them: what has become of one's files is no failure as long as another has them.
        var failure = new AdapterReload(null, AdapterFailure.Replaced, "the adapter on disk is not the one that was opened");
        foreach (var watched in _watched.Values.Where(watched => watched.Last?.Adapter?.Digest == digest))
        {
            var loaded = await watched.ReloadAsync(cancellationToken).ConfigureAwait(false);
            if (loaded.Lease is not null && loaded.Outcome.Adapter?.Digest == digest)
            {
                return new AdapterReload(loaded.Lease, AdapterFailure.Unknown, "");
            }

            loaded.Lease?.Dispose();
            if (loaded.Outcome is { Adapter: null, IsUnknown: false } failed)
            {
                failure = new AdapterReload(null, failed.Failure, failed.Reason);
            }
        }

        return failure;
    }

    /// <summary>The adapters that a tenant may use, by name; its own hide shared ones. As the disk was within the last second, or when it last answered.</summary>
    public ValueTask<ListedAdapters> ListAsync(string tenant, CancellationToken cancellationToken = default)
    {
        var key = AdapterNames.IsValidTenant(tenant) ? tenant : "";
        if (_lists.Count >= MaxLists && !_lists.ContainsKey(key))
        {
            _lists.Clear();
        }

        return _lists.GetOrAdd(key, key => new WatchedList(new TenantId(key), () => List(key), _loader, _options.Time)).CurrentAsync(cancellationToken);
    }

    /// <summary>Every adapter of every owner, shared ones first: for the start screen and admins.</summary>
    public async Task<ListedAdapters> ListAllAsync(CancellationToken cancellationToken = default)
    {
        var (handles, failure) = await AskAsync(new TenantId(""), _listing, ListAll, cancellationToken).ConfigureAwait(false);
        return new ListedAdapters(handles ?? [], failure);
    }

    /// <summary>
    /// Makes a name known again or for the first time, and forgets what was known of it, so that the next opening reads it at once.
    /// </summary>
    /// <param name="tenant">Who asks.</param>
    /// <param name="handle">Whose and what name.</param>
    /// <param name="path">A folder inside the owner's own folder (inside the root for a shared one), relative to it or absolute; null for the name's own folder.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The handle; none when there is no adapter that can be loaded under this name.</returns>
    public async ValueTask<FoundAdapter> RegisterAsync(string tenant, AdapterHandle handle, string? path = null, CancellationToken cancellationToken = default)
    {
        // Only the question is the disk's: one that answers after this has been given up changes nothing.
        var (exists, failure) = await AskAsync(new TenantId(tenant), new DiskCaller(), () => _registry.CanRegister(handle, path), cancellationToken).ConfigureAwait(false);
        if (!exists || !_registry.Register(handle, path))
        {
            return new FoundAdapter(null, failure);
        }

        Forget(handle);
        return new FoundAdapter(handle, null);
    }

    /// <summary>Hides a name until it is registered again. What runs goes on. The disk need not answer for an adapter that is known.</summary>
    /// <returns>The handle; none when there is no such adapter.</returns>
    public async ValueTask<FoundAdapter> UnregisterAsync(string tenant, AdapterHandle handle, CancellationToken cancellationToken = default)
    {
        var found = await FindAsync(new TenantId(tenant), handle, cancellationToken).ConfigureAwait(false);
        if (found.Handle is null || !_registry.Unregister(handle))
        {
            return found with { Handle = null };
        }

        Forget(handle);
        return found;
    }

    /// <summary>What is known of an adapter that was opened is asked first, and holds where the disk does not answer.</summary>
    private async ValueTask<FoundAdapter> FindAsync(TenantId tenant, AdapterHandle handle, CancellationToken cancellationToken)
    {
        if (_watched.TryGetValue(handle, out var watched) && (watched.Fresh is not null || watched.Last?.Adapter is not null))
        {
            var outcome = await watched.CurrentAsync(tenant, cancellationToken).ConfigureAwait(false);
            return new FoundAdapter(outcome.IsUnknown ? null : handle, null);
        }

        var (exists, failure) = await AskAsync(tenant, new DiskCaller(), () => _registry.Locate(handle) is not null, cancellationToken).ConfigureAwait(false);
        return new FoundAdapter(exists ? handle : null, failure);
    }

    private async ValueTask<(T? Answer, AdapterLoadOutcome? Failure)> AskAsync<T>(TenantId tenant, DiskCaller caller, Func<T> question, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(_loader.Timeout, _options.Time);
        try
        {
            return (await _loader.AskAsync(tenant, caller, question, late.Token, cancellationToken).ConfigureAwait(false), null);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            return (default, _loader.Broken(exception).Outcome);
        }
    }

    private IReadOnlyList<AdapterHandle> List(string tenant)
    {
        var byName = new SortedDictionary<string, AdapterHandle>(StringComparer.Ordinal);
        foreach (var handle in _registry.List(null).Concat(tenant.Length > 0 ? _registry.List(tenant) : []))
        {
            byName[handle.Name] = handle;
        }

        return [.. byName.Values];
    }

    private IReadOnlyList<AdapterHandle> ListAll() =>
        [.. _registry.Owners().SelectMany(_registry.List).OrderBy(handle => handle.Owner, StringComparer.Ordinal).ThenBy(handle => handle.Name, StringComparer.Ordinal)];

    private static IEnumerable<AdapterHandle> Candidates(string tenant, string name)
    {
        if (!AdapterNames.IsValid(name))
        {
            yield break;
        }

        if (AdapterNames.IsValidTenant(tenant))
        {
            yield return new AdapterHandle(tenant, name);
        }

        yield return new AdapterHandle(null, name);
    }

    private WatchedAdapter Watch(AdapterHandle handle)
    {
        if (_watched.TryGetValue(handle, out var watched))
        {
            return watched;
        }

        if (_watched.Count >= MaxWatched)
        {
            MakeRoom();
        }

        return _watched.GetOrAdd(handle, _ => new WatchedAdapter(handle, _registry, _loader, _options.Time));
    }

    private void Forget(AdapterHandle handle)
    {
        _watched.TryRemove(handle, out _);
        _lists.Clear();
    }

    /// <summary>Makes room: names that turned out unknown go, and if all are known, all go; their content stays in the cache.</summary>
    private void MakeRoom()
    {
        foreach (var (handle, watched) in _watched)
        {
            if (watched.Last?.Adapter is null)
            {
                _watched.TryRemove(handle, out _);
            }
        }

        if (_watched.Count >= MaxWatched)
        {
            _watched.Clear();
        }
    }
}
