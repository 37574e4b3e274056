namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>
/// Cuts before each mark that follows another character. Where no merge of a model reaches across such a place this changes no id, and
/// spares a model without a pre-tokenizer from seeing a whole text as one word.
/// </summary>
internal sealed class BoundaryPreTokenizer : PreTokenizer
{
    /// <summary>The mark that SentencePiece writes for a space.</summary>
    public const char Mark = '\u2581';

    /// <summary>Whether a token spans a place where this would cut.</summary>
    public static bool Cuts(string token)
    {
        for (var i = 1; i < token.Length; i++)
        {
            if (token[i] == Mark && token[i - 1] != Mark)
            {
                return true;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public override void Split(ReadOnlySpan<char> text, bool atStart, PieceSink next)
    {
        while (text.IndexOfAnyExcept(Mark) is >= 0 and var head && text[head..].IndexOf(Mark) is > 0 and var length)
        {
            next.Accept(text[..(head + length)], atStart);
            text = text[(head + length)..];
            atStart = false;
        }

        next.Accept(text, atStart);
    }
}
