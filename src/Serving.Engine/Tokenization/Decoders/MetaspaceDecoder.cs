namespace Serving.Engine.Tokenization.Decoders;

/// <summary>Reads Metaspace's mark as a space; where the encoder put one first, the first token loses its marks.</summary>
internal sealed class MetaspaceDecoder(char mark, bool dropsFirst) : TokenDecoder
{
    /// <inheritdoc/>
    public override TokenSink Attach(TokenSink next) => new Sink(mark, dropsFirst, next);

    /// <inheritdoc/>
    public override string Rewrite(string token) => token.Replace(mark, ' ');

    private sealed class Sink(char mark, bool dropsFirst, TokenSink next) : TokenSink
    {
        private bool _drops = dropsFirst;

        public override void Append(ReadOnlySpan<char> fragment)
        {
            foreach (var segment in fragment.Split(mark))
            {
                if (segment.Start.Value > 0 && !_drops)
                {
                    next.Append(" ");
                }

                if (!fragment[segment].IsEmpty)
                {
                    next.Append(fragment[segment]);
                }
            }
        }

        public override void EndToken()
        {
            _drops = false;
            next.EndToken();
        }

        public override void Finish() => next.Finish();
    }
}
