using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.AddedTokens;

/// <summary>Cuts a text into added tokens and what lies between them, as the Rust library's added vocabulary does.</summary>
internal sealed class AddedTokenSplitter
{
    private readonly AddedToken[] _tokens;
    private readonly PhraseTrie _trie;

    /// <summary>Looks for <paramref name="tokens"/>, each written as <paramref name="written"/> makes it.</summary>
    public AddedTokenSplitter(IEnumerable<AddedToken> tokens, Func<string, string> written)
    {
        _tokens = [.. tokens];
        _trie = new PhraseTrie([.. _tokens.Select(token => written(token.Content))]);
    }

    /// <summary>Hands the runs of plain text and the tokens on in order.</summary>
    public void Split<TSink>(ReadOnlySpan<char> text, TSink sink)
        where TSink : IAddedTokenSink
    {
        var done = 0;
        for (var from = 0; !_trie.IsEmpty && _trie.Find(text, from, out var start, out var length) is >= 0 and var index;)
        {
            var token = _tokens[index];
            var end = from = start + length;
            if (token.SingleWord && (IsWordBefore(text, start) || IsWordAfter(text, end)))
            {
                continue;
            }

            if (token.LeftStrip)
            {
                start = Math.Max(done, StripLeft(text, start));
            }

            if (token.RightStrip)
            {
                end = StripRight(text, end);
            }

            if (start > done)
            {
                sink.OnText(text[done..start], done == 0);
            }

            sink.OnToken(token.Id);
            done = end;
        }

        if (done < text.Length)
        {
            sink.OnText(text[done..], done == 0);
        }
    }

    private static bool IsWordBefore(ReadOnlySpan<char> text, int at) => at > 0 && (CharClasses.Before(text, at) & CharClass.Word) != 0;

    private static bool IsWordAfter(ReadOnlySpan<char> text, int at) => at < text.Length && (CharClasses.At(text, at, out _) & CharClass.Word) != 0;

    private static int StripLeft(ReadOnlySpan<char> text, int at)
    {
        while (at > 0 && (CharClasses.Of(text[at - 1]) & CharClass.Space) != 0)
        {
            at--;
        }

        return at;
    }

    private static int StripRight(ReadOnlySpan<char> text, int at)
    {
        while (at < text.Length && (CharClasses.Of(text[at]) & CharClass.Space) != 0)
        {
            at++;
        }

        return at;
    }
}
