using System.Collections.Concurrent;
using Serving.Core.Memory;

namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// The adapters on disk, by tenant and name, and prepared ones in host memory, by digest. Names choose what is opened; everything behind the
/// door knows digests only. Thread-safe; reading happens on the thread pool, a few at once, and no failure of one adapter touches another.
/// </summary>
public sealed class AdapterStore
{
    /// <summary>Most names remembered; unknown ones are forgotten first.</summary>
    private const int MaxWatched = 65_536;

    /// <summary>Most tenants whose lists are remembered.</summary>
    private const int MaxLists = 4096;

    /// <summary>How long a list is remembered: walking a folder of thousands takes tens of milliseconds.</summary>
    private static readonly TimeSpan ListLifetime = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<AdapterHandle, WatchedAdapter> _watched = new();
    private readonly ConcurrentDictionary<string, (long MadeAt, IReadOnlyList<AdapterHandle> Handles)> _lists = new(StringComparer.Ordinal);
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
        _registry = new AdapterRegistry(options.Root, options.BaseName);
        _loader = new AdapterLoader(options, _cache);
    }

    /// <summary>Bytes of prepared adapters in host memory.</summary>
    public long HostCacheBytes => _cache.Bytes;

    /// <summary>Adapters in host memory.</summary>
    public int HostCacheCount => _cache.Count;

    /// <summary>Calls to the disk that are under way, those that hang included; 8 at most.</summary>
    public int DiskCalls => _loader.DiskCalls;

    /// <summary>
    /// Finds what a name means to a tenant, its own before a shared one; null when there is none. Looks at the disk unless the name was opened
    /// within the last second; the files themselves are not checked.
    /// </summary>
    public AdapterHandle? Resolve(string tenant, string name)
    {
        foreach (var handle in Candidates(tenant, name))
        {
            var known = _watched.TryGetValue(handle, out var watched) ? watched.Fresh : null;
            if (known is not null ? !known.IsUnknown : _registry.Locate(handle) is not null)
            {
                return handle;
            }
        }

        return null;
    }

    /// <summary>Opens what a name means to a tenant, its own before a shared one: one look at the disk per second and name, one read per content.</summary>
    public async ValueTask<OpenedAdapter> OpenAsync(string tenant, string name, CancellationToken cancellationToken = default)
    {
        foreach (var handle in Candidates(tenant, name))
        {
            var outcome = await OpenAsync(handle, cancellationToken).ConfigureAwait(false);
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
        return AdapterNames.IsValid(handle.Name) ? Watch(handle).CurrentAsync(cancellationToken) : ValueTask.FromResult(AdapterLoadOutcome.Unknown);
    }

    /// <summary>An adapter that was opened before, read and prepared again if it is no longer in host memory. Content that has changed since fails as replaced.</summary>
    public async ValueTask<AdapterReload> ReloadAsync(Digest digest)
    {
        if (_cache.TryLease(digest) is { } kept)
        {
            return new AdapterReload(kept, AdapterFailure.Unknown, "");
        }

        // Several names may lead to one content, other tenants' among them: what has become of one's files is no failure as long as another has them.
        var failure = new AdapterReload(null, AdapterFailure.Replaced, "the adapter on disk is not the one that was opened");
        foreach (var watched in _watched.Values.Where(watched => watched.Last?.Adapter?.Digest == digest))
        {
            var loaded = await watched.ReloadAsync().ConfigureAwait(false);
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

    /// <summary>The adapters that a tenant may use, by name; its own hide shared ones. As the disk was within the last second.</summary>
    public IReadOnlyList<AdapterHandle> List(string tenant)
    {
        var key = AdapterNames.IsValidTenant(tenant) ? tenant : "";
        if (_lists.TryGetValue(key, out var made) && _options.Time.GetElapsedTime(made.MadeAt) < ListLifetime)
        {
            return made.Handles;
        }

        var byName = new SortedDictionary<string, AdapterHandle>(StringComparer.Ordinal);
        foreach (var handle in _registry.List(null).Concat(key.Length > 0 ? _registry.List(key) : []))
        {
            byName[handle.Name] = handle;
        }

        if (_lists.Count >= MaxLists)
        {
            _lists.Clear();
        }

        IReadOnlyList<AdapterHandle> handles = [.. byName.Values];
        _lists[key] = (_options.Time.GetTimestamp(), handles);
        return handles;
    }

    /// <summary>Every adapter of every owner, shared ones first: for the start screen and admins.</summary>
    public IReadOnlyList<AdapterHandle> ListAll()
    {
        return [.. _registry.Owners().SelectMany(_registry.List).OrderBy(handle => handle.Owner, StringComparer.Ordinal).ThenBy(handle => handle.Name, StringComparer.Ordinal)];
    }

    /// <summary>
    /// Makes a name known again or for the first time, and forgets what was known of it, so that the next opening reads it at once.
    /// </summary>
    /// <param name="handle">Whose and what name.</param>
    /// <param name="path">A folder inside the owner's own folder (inside the root for a shared one), relative to it or absolute; null for the name's own folder.</param>
    /// <returns>False when there is no adapter that can be loaded under this name.</returns>
    public bool Register(AdapterHandle handle, string? path = null)
    {
        var registered = _registry.Register(handle, path);
        Forget(handle);
        return registered;
    }

    /// <summary>Hides a name until it is registered again. What runs goes on.</summary>
    /// <returns>False when there is none.</returns>
    public bool Unregister(AdapterHandle handle)
    {
        var hidden = _registry.Unregister(handle);
        Forget(handle);
        return hidden;
    }

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
