namespace Serving.Core.Memory;

/// <summary>The keys of one sequence's full pages, each computed once. Pages are those of its own, behind the modules that it imports.</summary>
internal sealed class PrefixChain
{
    private readonly Digest[] _keys;
    private readonly int _firstOrdinal;
    private int _count;

    /// <summary>A chain from a root.</summary>
    /// <param name="root">See <see cref="PrefixKeys.Root"/> and <see cref="PrefixKeys.RootBehind"/>.</param>
    /// <param name="capacity">Pages that the sequence may come to fill.</param>
    /// <param name="firstOrdinal">Imported tokens: the ordinal of its own first one.</param>
    public PrefixChain(Digest root, int capacity, int firstOrdinal)
    {
        Root = root;
        _keys = new Digest[capacity];
        _firstOrdinal = firstOrdinal;
    }

    /// <summary>The parent of the first page.</summary>
    public Digest Root { get; }

    /// <summary>The key of a full page.</summary>
    /// <param name="page">Its place among the sequence's own pages.</param>
    /// <param name="tokens">The sequence's tokens, at least up to the end of that page.</param>
    /// <param name="positions">Their positions.</param>
    public Digest KeyOf(int page, ReadOnlySpan<int> tokens, ReadOnlySpan<int> positions)
    {
        for (; _count <= page; _count++)
        {
            var parent = _count == 0 ? Root : _keys[_count - 1];
            _keys[_count] = PrefixKeys.Next(parent, PartOf(_count, tokens), PartOf(_count, positions));
        }

        return _keys[page];
    }

    /// <summary>The part of a sequence's tokens, or of their positions, that lies in a full page.</summary>
    public ReadOnlySpan<int> PartOf(int page, ReadOnlySpan<int> sequence) =>
        sequence.Slice(_firstOrdinal + (page * PagePool.SlotsPerPage), PagePool.SlotsPerPage);
}
