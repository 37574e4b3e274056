namespace Serving.Engine.Tokenization.Decoders;

/// <summary>Makes one token of all.</summary>
internal sealed class FuseDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override TokenSink Attach(TokenSink next) => new Sink(next);

    private sealed class Sink(TokenSink next) : TokenSink
    {
        public override void Append(ReadOnlySpan<char> fragment) => next.Append(fragment);

        public override void EndToken()
        {
        }

        public override void Finish()
        {
            next.EndToken();
            next.Finish();
        }
    }
}
