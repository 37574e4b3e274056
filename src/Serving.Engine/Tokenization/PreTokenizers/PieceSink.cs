namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>Where the pieces of a text go: the next stage of a pre-tokenizer, and after the last one the model.</summary>
internal abstract class PieceSink
{
    /// <summary>Takes a piece, which is only valid during the call.</summary>
    /// <param name="piece">The piece; never empty.</param>
    /// <param name="atStart">Whether the piece begins where the whole input begins, special tokens included.</param>
    public abstract void Accept(ReadOnlySpan<char> piece, bool atStart);
}
