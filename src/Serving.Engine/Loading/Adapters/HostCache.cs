using Serving.Compute.Adapters;
using Serving.Core.Memory;

namespace Serving.Engine.Loading.Adapters;

/// <summary>
/// Prepared adapters in host memory, by digest, bounded by bytes; of those that nobody holds, the one that was not asked for longest goes first. A content is prepared
/// once, however many bring it. Thread-safe.
/// </summary>
/// <param name="maxBytes">Bytes of prepared adapters, those under preparation included.</param>
/// <param name="bytesOf">Bytes that one takes (<c>IComputeBackend.PreparedBytesOf</c>).</param>
/// <param name="prepare">Prepares one, on a thread of its own, until it is given up; null where the backend has no memory for it.</param>
internal sealed class HostCache(long maxBytes, Func<AdapterWeights, long> bytesOf, Func<AdapterWeights, CancellationToken, IPreparedAdapter?> prepare)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Digest, Entry> _byDigest = [];
    private readonly LinkedList<Entry> _byUse = [];
    private TaskCompletionSource? _change;

    /// <summary>Bytes held.</summary>
    public long Bytes { get; private set; }

    /// <summary>Adapters held.</summary>
    public int Count => _byUse.Count;

    /// <summary>Finds an adapter and marks it used; null where it is not here, or not yet.</summary>
    public AdapterLease? TryLease(Digest digest)
    {
        lock (_lock)
        {
            return _byDigest.TryGetValue(digest, out var entry) && entry.Adapter is not null ? Hold(entry) : null;
        }
    }

    /// <summary>
    /// Prepares an adapter and keeps it, dropping others to make room; waits for room that others hold, and for one of the same content that is being prepared. One larger
    /// than the whole cache is not kept: it goes with its lease, and a backend that takes its memory at start has none for it.
    /// </summary>
    /// <returns>Null where the backend has no memory for it.</returns>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public async Task<AdapterLease?> AddAsync(Digest digest, AdapterWeights weights, CancellationToken cancellationToken = default)
    {
        var entry = new Entry(digest, bytesOf(weights));
        if (entry.Bytes > maxBytes)
        {
            return await OwnThread.RunAsync(() => prepare(weights, cancellationToken)).ConfigureAwait(false) is { } large ? new AdapterLease(large, large.Dispose) : null;
        }

        while (true)
        {
            Task change;
            lock (_lock)
            {
                if (_byDigest.TryGetValue(digest, out var known))
                {
                    if (known.Adapter is not null)
                    {
                        return Hold(known);
                    }
                }
                else if (MakeRoom(entry.Bytes))
                {
                    _byDigest.Add(digest, entry);
                    Bytes += entry.Bytes;
                    break;
                }

                change = (_change ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await change.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        return await OwnThread.RunAsync(() => Prepare(entry, weights, cancellationToken)).ConfigureAwait(false);
    }

    private AdapterLease? Prepare(Entry entry, AdapterWeights weights, CancellationToken cancellationToken)
    {
        IPreparedAdapter? adapter = null;
        try
        {
            adapter = prepare(weights, cancellationToken);
        }
        finally
        {
            if (adapter is null)
            {
                lock (_lock)
                {
                    Forget(entry);
                    Signal();
                }
            }
        }

        if (adapter is null)
        {
            return null;
        }

        lock (_lock)
        {
            entry.Adapter = adapter;
            _byUse.AddFirst(entry.Node);
            Signal();
            return Hold(entry);
        }
    }

    private AdapterLease Hold(Entry entry)
    {
        _byUse.Remove(entry.Node);
        _byUse.AddFirst(entry.Node);
        entry.Leases++;
        return new AdapterLease(entry.Adapter!, () => Release(entry));
    }

    private void Release(Entry entry)
    {
        lock (_lock)
        {
            if (--entry.Leases == 0)
            {
                Signal();
            }
        }
    }

    /// <summary>Drops adapters that nobody holds until so many bytes are free, if that is enough.</summary>
    private bool MakeRoom(long bytes)
    {
        for (var node = _byUse.Last; node is not null && Bytes + bytes > maxBytes;)
        {
            var (entry, next) = (node.Value, node.Previous);
            if (entry.Leases == 0)
            {
                _byUse.Remove(node);
                Forget(entry);
                entry.Adapter!.Dispose();
            }

            node = next;
        }

        return Bytes + bytes <= maxBytes;
    }

    private void Forget(Entry entry)
    {
        _byDigest.Remove(entry.Digest);
        Bytes -= entry.Bytes;
    }

    /// <summary>Lets those who wait look again.</summary>
    private void Signal()
    {
        _change?.SetResult();
        _change = null;
    }

    private sealed class Entry
    {
        public Entry(Digest digest, long bytes)
        {
            Digest = digest;
            Bytes = bytes;
            Node = new LinkedListNode<Entry>(this);
        }

        public Digest Digest { get; }

        public long Bytes { get; }

        /// <summary>Its place among the prepared ones.</summary>
        public LinkedListNode<Entry> Node { get; }

        /// <summary>Null while it is being prepared.</summary>
        public IPreparedAdapter? Adapter { get; set; }

        public int Leases { get; set; }
    }
}
