namespace Serving.Engine.Tokenization.Decoders;

/// <summary>One stage of a tokenizer's decoder, as its file describes it. Immutable; <see cref="Attach"/> makes the state.</summary>
internal abstract class TokenDecoder
{
    /// <summary>A fresh stage that feeds <paramref name="next"/>.</summary>
    public abstract TokenSink Attach(TokenSink next);

    /// <summary>What one token becomes apart from its place in an answer; the stages that only join or trim change nothing.</summary>
    public virtual string Rewrite(string token) => token;

    /// <summary>The raw bytes that a token stands for at this stage; null when it stands for its text.</summary>
    public virtual byte[]? RawBytes(string token) => null;
}
