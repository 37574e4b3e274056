namespace Serving.Compute.Managed.Memory;

/// <summary>One version of a sequence's recurrent state: bytes that lie in pages, each filled before the next.</summary>
/// <param name="arena">The pool's pages.</param>
/// <param name="pages">The version's pages, in order; whatever follows them in the list is not looked at.</param>
internal readonly unsafe ref struct StateVersion(PageArena arena, ReadOnlySpan<int> pages)
{
    private readonly ReadOnlySpan<int> _pages = pages;

    /// <summary>Reads floats from a byte on, wherever pages end between them.</summary>
    public void Read(long offset, Span<float> values)
    {
        for (var done = 0; done < values.Length;)
        {
            var piece = Piece(offset + ((long)done * sizeof(float)), values.Length - done);
            piece.CopyTo(values[done..]);
            done += piece.Length;
        }
    }

    /// <summary>Writes floats from a byte on.</summary>
    public void Write(long offset, ReadOnlySpan<float> values)
    {
        for (var done = 0; done < values.Length;)
        {
            var piece = Piece(offset + ((long)done * sizeof(float)), values.Length - done);
            values.Slice(done, piece.Length).CopyTo(piece);
            done += piece.Length;
        }
    }

    /// <summary>As many floats as lie side by side from a byte on.</summary>
    private Span<float> Piece(long offset, int count)
    {
        var (page, inPage) = Math.DivRem(offset, arena.StateBytesOfPage);
        var left = (arena.StateBytesOfPage - inPage) / sizeof(float);
        return new Span<float>(arena.Page(_pages[(int)page]) + inPage, (int)Math.Min(left, count));
    }
}
