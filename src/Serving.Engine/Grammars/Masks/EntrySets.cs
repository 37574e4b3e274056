using Serving.Engine.Grammars.Automata;

namespace Serving.Engine.Grammars.Masks;

/// <summary>
/// Sets of nodes of the tree of tokens from which what is around a rule goes on, when the rule has ended within a token. Equal sets have equal numbers; sets 0 and 1 hold the roots:
/// a token's beginning, anywhere and first. Grows with the ways in which tokens cross the ends of rules. Thread-safe.
/// </summary>
internal sealed class EntrySets
{
    /// <summary>No set at all: nothing is left over.</summary>
    public const int None = -1;

    /// <summary>What a set takes beside its nodes: its place in both tables, which double as they grow.</summary>
    private const long SetBytes = 96;

    private readonly Lock _lock = new();
    private readonly List<int[]> _sets = [];
    private readonly Dictionary<int[], int> _numbers = new(IntSets.Comparer);
    private readonly int _firstRoot;
    private long _bytes;

    /// <summary>The sets of a tree.</summary>
    public EntrySets(TokenTrie trie)
    {
        _firstRoot = trie.FirstRoot;
        NumberOf([TokenTrie.Root]);
        First = NumberOf([trie.FirstRoot]);
    }

    /// <summary>The set of the root of tokens that stand behind others.</summary>
    public static int Behind => 0;

    /// <summary>The set of the root of tokens that stand first; may be the same one.</summary>
    public int First { get; }

    /// <summary>About how much memory the sets take, in bytes.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Whether it has grown beyond what a grammar may keep: only one that was made to do so does.</summary>
    public bool IsFull => Bytes > GrammarLimits.MaskBytes;

    /// <summary>The number of a set of nodes in ascending order.</summary>
    public int NumberOf(int[] nodes)
    {
        lock (_lock)
        {
            if (!_numbers.TryGetValue(nodes, out var number))
            {
                number = _sets.Count;
                _bytes += SetBytes + (nodes.Length * 4L);
                _sets.Add(nodes);
                _numbers.Add(nodes, number);
            }

            return number;
        }
    }

    /// <summary>The nodes of a set.</summary>
    public int[] this[int number]
    {
        get
        {
            lock (_lock)
            {
                return _sets[number];
            }
        }
    }

    /// <summary>Whether a set has a token's very beginning: nothing of it was taken.</summary>
    public bool HasRoot(int number)
    {
        var nodes = this[number];
        return nodes[0] == TokenTrie.Root || Array.BinarySearch(nodes, _firstRoot) >= 0;
    }
}
