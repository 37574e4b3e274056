namespace Serving.Engine.Tokenization.Decoders;

/// <summary>A first stage that takes a token as its raw bytes, which a tokenizer has ready, instead of its text.</summary>
internal abstract class ByteSink : TokenSink
{
    /// <summary>Takes a whole token.</summary>
    public abstract void AppendToken(ReadOnlySpan<byte> bytes);
}
