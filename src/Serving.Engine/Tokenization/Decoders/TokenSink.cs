namespace Serving.Engine.Tokenization.Decoders;

/// <summary>
/// One stage of decoding, fed with tokens a fragment at a time. A stage hands on what is certain, so the same chain serves
/// a whole answer and a stream. Not thread-safe; belongs to one answer.
/// </summary>
internal abstract class TokenSink
{
    /// <summary>Takes a part of the current token; it holds whole Unicode scalars and is valid only during the call.</summary>
    public abstract void Append(ReadOnlySpan<char> fragment);

    /// <summary>Ends the current token.</summary>
    public abstract void EndToken();

    /// <summary>Ends the answer: hands on whatever was held back, then ends the next stage.</summary>
    public abstract void Finish();
}
