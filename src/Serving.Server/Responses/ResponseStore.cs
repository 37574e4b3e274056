using System.Diagnostics.CodeAnalysis;
using Serving.Core.Tenancy;

namespace Serving.Server.Responses;

/// <summary>
/// Responses and conversations by tenant and id, in memory: bounded by bytes for all and by the time since each was last used. Where bytes run out, the tenant that holds the most loses what it used longest ago, so
/// that nobody pushes out another's. What is another's looks like what is not there. Thread-safe.
/// </summary>
internal sealed class ResponseStore : IDisposable
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(30);
    private readonly Lock _lock = new();
    private readonly Dictionary<TenantId, Shelf> _shelves = [];
    private readonly long _maxBytes;
    private readonly TimeSpan _timeToLive;
    private readonly TimeProvider _time;
    private readonly ITimer? _sweeper;
    private long _bytes;

    /// <summary>Creates it.</summary>
    /// <param name="maxBytes">Bytes of all responses; 0 keeps none.</param>
    /// <param name="timeToLive">After which a response that nobody uses is gone.</param>
    /// <param name="time">The clock.</param>
    public ResponseStore(long maxBytes, TimeSpan timeToLive, TimeProvider time)
    {
        _maxBytes = maxBytes;
        _timeToLive = timeToLive;
        _time = time;
        _sweeper = maxBytes > 0 ? time.CreateTimer(_ => Sweep(), null, SweepInterval, SweepInterval) : null;
    }

    /// <summary>Whether any are kept.</summary>
    public bool IsOn => _maxBytes > 0;

    /// <summary>Bytes of those that are there.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _bytes;
            }
        }
    }

    /// <summary>Keeps a response, in the place of one of its tenant's of the same id.</summary>
    public void Add(TenantId tenant, StoredEntry response)
    {
        lock (_lock)
        {
            if (!_shelves.TryGetValue(tenant, out var shelf))
            {
                _shelves[tenant] = shelf = new Shelf();
            }

            Remove(tenant, shelf, response.Id);
            _shelves[tenant] = shelf;
            response.UsedAt = _time.GetTimestamp();
            shelf.ById[response.Id] = shelf.ByUse.AddLast(response);
            Count(shelf, Hold(response));
            while (_bytes > _maxBytes)
            {
                var (owner, largest) = _shelves.MaxBy(static entry => entry.Value.Bytes);
                Remove(owner, largest, largest.ByUse.First!.Value.Id);
            }
        }
    }

    /// <summary>Finds a response, which counts as a use of it.</summary>
    public bool TryGet(TenantId tenant, string id, [NotNullWhen(true)] out StoredResponse? response) => TryGet<StoredResponse>(tenant, id, out response);

    /// <summary>Finds what is of one kind.</summary>
    public bool TryGet<T>(TenantId tenant, string id, [NotNullWhen(true)] out T? found)
        where T : StoredEntry
    {
        lock (_lock)
        {
            found = null;
            if (!_shelves.TryGetValue(tenant, out var shelf) || !shelf.ById.TryGetValue(id, out var node))
            {
                return false;
            }

            if (IsOver(node.Value))
            {
                Remove(tenant, shelf, id);
                return false;
            }

            if ((found = node.Value as T) is null)
            {
                return false;
            }

            node.Value.UsedAt = _time.GetTimestamp();
            shelf.ByUse.Remove(node);
            shelf.ByUse.AddLast(node);
            return true;
        }
    }

    /// <summary>Puts another conversation in the place of one, by what that one is at the moment.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="id">Its id.</param>
    /// <param name="change">What becomes of it; the same where nothing does. Short: others wait for it.</param>
    /// <returns>What is there now; null where there was none.</returns>
    public StoredConversation? Update(TenantId tenant, string id, Func<StoredConversation, StoredConversation> change)
    {
        lock (_lock)
        {
            if (!TryGet<StoredConversation>(tenant, id, out var found))
            {
                return null;
            }

            var changed = change(found);
            if (changed != found)
            {
                Add(tenant, changed);
            }

            return changed;
        }
    }

    /// <summary>Lets a response go; those that go on from it keep what they need of it.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Remove(TenantId tenant, string id) => Remove<StoredResponse>(tenant, id);

    /// <summary>Lets go what is of one kind.</summary>
    public bool Remove<T>(TenantId tenant, string id)
        where T : StoredEntry
    {
        lock (_lock)
        {
            return _shelves.TryGetValue(tenant, out var shelf) && shelf.ById.TryGetValue(id, out var node) && node.Value is T && Remove(tenant, shelf, id) && !IsOver(node.Value);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _sweeper?.Dispose();

    // Those that were used longest ago stand first.
    private void Sweep()
    {
        lock (_lock)
        {
            foreach (var (tenant, shelf) in _shelves.ToArray())
            {
                while (shelf.ByUse.First is { } oldest && IsOver(oldest.Value))
                {
                    Remove(tenant, shelf, oldest.Value.Id);
                }
            }
        }
    }

    private bool IsOver(StoredEntry response) => _time.GetElapsedTime(response.UsedAt) >= _timeToLive;

    private bool Remove(TenantId tenant, Shelf shelf, string id)
    {
        if (!shelf.ById.Remove(id, out var node))
        {
            return false;
        }

        shelf.ByUse.Remove(node);
        Count(shelf, -Release(node.Value));
        if (shelf.ById.Count == 0)
        {
            _shelves.Remove(tenant);
        }

        return true;
    }

    private void Count(Shelf shelf, long bytes)
    {
        shelf.Bytes += bytes;
        _bytes += bytes;
    }

    // Whoever is held holds the response before it: the bytes of those that were not held until now.
    private static long Hold(StoredEntry response)
    {
        var bytes = 0L;
        for (StoredEntry? held = response; held is not null && held.Holders++ == 0; held = held.Held)
        {
            bytes += held.Bytes;
        }

        return bytes;
    }

    private static long Release(StoredEntry response)
    {
        var bytes = 0L;
        for (StoredEntry? held = response; held is not null && --held.Holders == 0; held = held.Held)
        {
            bytes += held.Bytes;
        }

        return bytes;
    }

    private sealed class Shelf
    {
        public Dictionary<string, LinkedListNode<StoredEntry>> ById { get; } = new(StringComparer.Ordinal);

        public LinkedList<StoredEntry> ByUse { get; } = new();

        public long Bytes { get; set; }
    }
}
