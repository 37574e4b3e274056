namespace Serving.Core.Memory;

/// <summary>The keys of one sequence's full pages, each computed once.</summary>
internal sealed class PrefixChain
{
    private readonly Digest[] _keys;
    private int _count;

    /// <summary>A chain from a root.</summary>
    /// <param name="root">See <see cref="PrefixKeys.Root"/>.</param>
    /// <param name="capacity">Pages that the sequence may come to fill.</param>
    public PrefixChain(Digest root, int capacity)
    {
        Root = root;
        _keys = new Digest[capacity];
    }

    /// <summary>The parent of the first page.</summary>
    public Digest Root { get; }

    /// <summary>The key of a full page.</summary>
    /// <param name="page">Its place in the page table.</param>
    /// <param name="tokens">The sequence's tokens, at least up to the end of that page.</param>
    public Digest KeyOf(int page, ReadOnlySpan<int> tokens)
    {
        for (; _count <= page; _count++)
        {
            var parent = _count == 0 ? Root : _keys[_count - 1];
            _keys[_count] = PrefixKeys.Next(parent, TokensOf(_count, tokens), _count * PagePool.SlotsPerPage);
        }

        return _keys[page];
    }

    /// <summary>The tokens of a full page.</summary>
    public static ReadOnlySpan<int> TokensOf(int page, ReadOnlySpan<int> tokens) => tokens.Slice(page * PagePool.SlotsPerPage, PagePool.SlotsPerPage);
}
