using System.Buffers;

namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>When Metaspace puts its mark before a piece that does not begin with one.</summary>
internal enum PrependScheme
{
    /// <summary>Always.</summary>
    Always,

    /// <summary>Only at the beginning of the whole input.</summary>
    First,

    /// <summary>Never.</summary>
    Never,
}

/// <summary>Writes spaces as a visible mark, U+2581 as a rule, and cuts before each mark.</summary>
internal sealed class MetaspacePreTokenizer(char mark, PrependScheme scheme, bool split) : PreTokenizer
{
    /// <inheritdoc/>
    public override void Split(ReadOnlySpan<char> text, bool atStart, PieceSink next)
    {
        var rented = ArrayPool<char>.Shared.Rent(text.Length + 1);
        var prepends = text[0] != ' ' && text[0] != mark && (scheme == PrependScheme.Always || (scheme == PrependScheme.First && atStart));
        rented[0] = mark;
        var marked = rented.AsSpan(0, text.Length + (prepends ? 1 : 0));
        text.Replace(marked[(prepends ? 1 : 0)..], ' ', mark);
        while (split && marked.Length > 1 && marked[1..].IndexOf(mark) is >= 0 and var more)
        {
            next.Accept(marked[..(more + 1)], atStart);
            marked = marked[(more + 1)..];
            atStart = false;
        }

        next.Accept(marked, atStart);
        ArrayPool<char>.Shared.Return(rented);
    }
}
