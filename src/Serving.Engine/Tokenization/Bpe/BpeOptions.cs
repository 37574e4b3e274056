namespace Serving.Engine.Tokenization.Bpe;

/// <summary>The switches of a BPE model as its file names them.</summary>
/// <param name="UnknownId">The id for a character that is not in the vocabulary; -1 drops such characters.</param>
/// <param name="FuseUnknown">Whether neighbouring unknown characters become one unknown token.</param>
/// <param name="ByteFallback">Whether an unknown character is written as the tokens of its UTF-8 bytes.</param>
/// <param name="IgnoreMerges">Whether a word that is a token is that token, whatever the merges say.</param>
/// <param name="Prefix">What every symbol of a word but the first begins with.</param>
/// <param name="Suffix">What the last symbol of a word ends with.</param>
internal sealed record BpeOptions(int UnknownId, bool FuseUnknown, bool ByteFallback, bool IgnoreMerges, string Prefix, string Suffix)
{
    /// <summary>Whether symbols are bare characters, and words are made of merges alone.</summary>
    public bool IsPlain => !IgnoreMerges && Prefix.Length == 0 && Suffix.Length == 0;
}
