namespace Serving.Engine.Tokenization.Decoders;

/// <summary>Puts a space between tokens: what a tokenizer without a decoder does.</summary>
internal sealed class SpaceJoinDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override TokenSink Attach(TokenSink next) => new Sink(next);

    private sealed class Sink(TokenSink next) : TokenSink
    {
        private bool _owesSpace;

        public override void Append(ReadOnlySpan<char> fragment)
        {
            PaySpace();
            next.Append(fragment);
        }

        public override void EndToken()
        {
            PaySpace();
            next.EndToken();
            _owesSpace = true;
        }

        public override void Finish() => next.Finish();

        private void PaySpace()
        {
            if (_owesSpace)
            {
                next.Append(" ");
                _owesSpace = false;
            }
        }
    }
}
