using Serving.Core.Memory;
using Serving.Engine.Grammars.Masks;

namespace Serving.Engine.Execution.Constraints;

/// <summary>
/// Compiled constraints, by what they say and whose they are, the latest used ones within a number of bytes. What one tenant has used tells another nothing: the key has its salt. Thread-safe.
/// </summary>
/// <param name="capacity">Bytes; the one that came last is kept in any case.</param>
internal sealed class ConstraintCache(long capacity)
{
    /// <summary>Constraints grow while they are used, so that what they take together is looked at every so many uses too.</summary>
    private const int UsesBetweenLooks = 64;

    private readonly Lock _lock = new();
    private readonly Dictionary<Digest, LinkedListNode<(Digest Key, GrammarMasks Masks)>> _entries = [];
    private readonly LinkedList<(Digest Key, GrammarMasks Masks)> _order = [];
    private int _uses;

    /// <summary>How many there are, and about how many bytes they take.</summary>
    public (int Count, long Bytes) Size
    {
        get
        {
            lock (_lock)
            {
                return (_order.Count, Sum());
            }
        }
    }

    /// <summary>A constraint that is there, or null.</summary>
    public GrammarMasks? Find(Digest key)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var node))
            {
                return null;
            }

            _order.Remove(node);
            _order.AddLast(node);
            if (++_uses % UsesBetweenLooks == 0)
            {
                Trim();
            }

            return node.Value.Masks;
        }
    }

    /// <summary>Keeps a constraint, and lets go of those used longest ago until all fit.</summary>
    /// <returns>The one to use: that which is there already, if somebody was faster.</returns>
    public GrammarMasks Add(Digest key, GrammarMasks masks)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out var existing))
            {
                return existing.Value.Masks;
            }

            _entries.Add(key, _order.AddLast((key, masks)));
            Trim();
            return masks;
        }
    }

    private long Sum() => _order.Sum(static entry => entry.Masks.Bytes);

    private void Trim()
    {
        var bytes = Sum();
        while (bytes > capacity && _order.Count > 1)
        {
            var oldest = _order.First!.Value;
            bytes -= oldest.Masks.Bytes;
            _order.RemoveFirst();
            _entries.Remove(oldest.Key);
        }
    }
}
