using System.Diagnostics.CodeAnalysis;
using Serving.Compute.Adapters;
using Serving.Core.Memory;

namespace Serving.Engine.Loading.Adapters;

/// <summary>Parsed adapters in host memory, by digest, bounded by bytes; the one that was not asked for longest goes first. Thread-safe.</summary>
/// <param name="maxBytes">Bytes of matrices kept.</param>
internal sealed class HostCache(long maxBytes)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Digest, LinkedListNode<Entry>> _byDigest = [];
    private readonly LinkedList<Entry> _byUse = [];

    /// <summary>Bytes held.</summary>
    public long Bytes { get; private set; }

    /// <summary>Adapters held.</summary>
    public int Count => _byDigest.Count;

    /// <summary>Finds an adapter and marks it used.</summary>
    public bool TryGet(Digest digest, [NotNullWhen(true)] out AdapterWeights? weights)
    {
        lock (_lock)
        {
            if (!_byDigest.TryGetValue(digest, out var node))
            {
                weights = null;
                return false;
            }

            _byUse.Remove(node);
            _byUse.AddFirst(node);
            weights = node.Value.Weights;
            return true;
        }
    }

    /// <summary>Keeps an adapter, dropping others to make room; one larger than the whole cache is not kept.</summary>
    public void Add(Digest digest, AdapterWeights weights, long bytes)
    {
        lock (_lock)
        {
            if (bytes > maxBytes || _byDigest.ContainsKey(digest))
            {
                return;
            }

            while (Bytes + bytes > maxBytes)
            {
                var last = _byUse.Last!;
                _byUse.RemoveLast();
                _byDigest.Remove(last.Value.Digest);
                Bytes -= last.Value.Bytes;
            }

            _byDigest.Add(digest, _byUse.AddFirst(new Entry(digest, weights, bytes)));
            Bytes += bytes;
        }
    }

    private sealed record Entry(Digest Digest, AdapterWeights Weights, long Bytes);
}
