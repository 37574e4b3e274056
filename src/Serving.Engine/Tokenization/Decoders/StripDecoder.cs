namespace Serving.Engine.Tokenization.Decoders;

/// <summary>Drops up to so many of one character at the beginning of each token and at its end.</summary>
internal sealed class StripDecoder(char content, int start, int stop) : TokenDecoder
{
    /// <inheritdoc/>
    public override TokenSink Attach(TokenSink next) => new Sink(content, start, stop, next);

    private sealed class Sink(char content, int start, int stop, TokenSink next) : TokenSink
    {
        private int _dropped;
        private bool _begun;
        private int _held;

        public override void Append(ReadOnlySpan<char> fragment)
        {
            while (!_begun && !fragment.IsEmpty)
            {
                _begun = fragment[0] != content || _dropped == start;
                if (!_begun)
                {
                    _dropped++;
                    fragment = fragment[1..];
                }
            }

            // Of what may be the end, as many are held back as may be dropped there.
            var last = fragment.LastIndexOfAnyExcept(content);
            if (last >= 0)
            {
                PassHeld(0);
                next.Append(fragment[..(last + 1)]);
            }

            _held += fragment.Length - last - 1;
            PassHeld(stop);
        }

        public override void EndToken()
        {
            (_dropped, _begun, _held) = (0, false, 0);
            next.EndToken();
        }

        public override void Finish() => next.Finish();

        private void PassHeld(int keep)
        {
            for (; _held > keep; _held--)
            {
                next.Append([content]);
            }
        }
    }
}
