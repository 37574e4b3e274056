namespace Serving.Engine.Grammars.Masks;

/// <summary>
/// The bytes of all tokens as a tree, in depth-first order: the nodes below a node are those between it and its end. So a walk goes forward through arrays, and what is not wanted is
/// skipped in one step. Immutable.
/// </summary>
internal sealed class TokenTrie
{
    /// <summary>Longest token that takes part, in bytes: depths are bytes. Longer ones may never be taken.</summary>
    public const int MaxTokenBytes = 255;

    /// <summary>The root of the tokens that stand behind others.</summary>
    public const int Root = 0;

    private static readonly Comparer<byte[]> ByteOrder = Comparer<byte[]>.Create(static (a, b) => a.AsSpan().SequenceCompareTo(b));

    private readonly TrieNode[] _nodes;
    private readonly int[] _tokens;

    /// <summary>Builds the tree.</summary>
    /// <param name="tokens">Ids and bytes of the tokens that may stand anywhere; those without bytes are left out.</param>
    /// <param name="first">The same for a token that stands first, where a tokenizer leaves out a space there; null where they are the same.</param>
    public TokenTrie(IEnumerable<(int Id, byte[] Bytes)> tokens, IEnumerable<(int Id, byte[] Bytes)>? first)
    {
        var nodes = new List<TrieNode>();
        var ids = new List<int>();
        AddTree(tokens, nodes, ids);
        FirstRoot = first is null ? Root : AddTree(first, nodes, ids);
        _nodes = [.. nodes];
        _tokens = [.. ids];
    }

    /// <summary>The root of the tokens that may stand first.</summary>
    public int FirstRoot { get; }

    /// <summary>A node.</summary>
    public ref readonly TrieNode this[int node] => ref _nodes[node];

    /// <summary>The tokens whose bytes end at a node.</summary>
    public ReadOnlySpan<int> Tokens(int node) => _tokens.AsSpan(_nodes[node].FirstToken, _nodes[node].TokenCount);

    private static int AddTree(IEnumerable<(int Id, byte[] Bytes)> tokens, List<TrieNode> nodes, List<int> ids)
    {
        var root = nodes.Count;
        nodes.Add(default);
        var path = new List<int> { root };
        byte[] before = [];
        foreach (var (id, bytes) in tokens.Where(static token => token.Bytes.Length is > 0 and <= MaxTokenBytes).OrderBy(static token => token.Bytes, ByteOrder).ThenBy(static token => token.Id))
        {
            var common = bytes.AsSpan().CommonPrefixLength(before);
            Close(path, common + 1, nodes);
            for (var i = common; i < bytes.Length; i++)
            {
                path.Add(nodes.Count);
                nodes.Add(new TrieNode { Label = bytes[i], Depth = (byte)(i + 1), FirstToken = ids.Count });
            }

            nodes[path[^1]] = nodes[path[^1]] with { TokenCount = nodes[path[^1]].TokenCount + 1 };
            ids.Add(id);
            before = bytes;
        }

        Close(path, 0, nodes);
        return root;
    }

    private static void Close(List<int> path, int keep, List<TrieNode> nodes)
    {
        for (; path.Count > keep; path.RemoveAt(path.Count - 1))
        {
            nodes[path[^1]] = nodes[path[^1]] with { End = nodes.Count };
        }
    }

    /// <summary>A node: what the bytes from the root to it spell.</summary>
    public readonly record struct TrieNode
    {
        /// <summary>The node behind all nodes below this one.</summary>
        public int End { get; init; }

        /// <summary>Index of the first of its tokens.</summary>
        public int FirstToken { get; init; }

        /// <summary>Number of its tokens.</summary>
        public int TokenCount { get; init; }

        /// <summary>The last byte.</summary>
        public byte Label { get; init; }

        /// <summary>How many bytes there are.</summary>
        public byte Depth { get; init; }
    }
}
