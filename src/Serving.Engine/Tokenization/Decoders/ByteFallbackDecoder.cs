using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;

namespace Serving.Engine.Tokenization.Decoders;

/// <summary>
/// Reads runs of tokens such as <c>&lt;0xE2&gt;</c> as UTF-8. A run that is not valid as a whole becomes one U+FFFD per byte, so it is
/// held back until a token of another kind ends it.
/// </summary>
internal sealed class ByteFallbackDecoder : TokenDecoder
{
    private const int TokenLength = 6;

    /// <inheritdoc/>
    public override TokenSink Attach(TokenSink next) => new Sink(next);

    /// <inheritdoc/>
    public override byte[]? RawBytes(string token) => TryParse(token, out var value) ? [value] : null;

    private static bool TryParse(ReadOnlySpan<char> token, out byte value)
    {
        value = 0;
        return token.Length == TokenLength && token.StartsWith("<0x", StringComparison.Ordinal) && token[^1] == '>'
            && byte.TryParse(token[3..5], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    private sealed class Sink(TokenSink next) : TokenSink
    {
        private readonly List<byte> _run = [];
        private readonly StringBuilder _token = new();
        private bool _isText;

        public override void Append(ReadOnlySpan<char> fragment)
        {
            if (!_isText && _token.Length + fragment.Length <= TokenLength)
            {
                _token.Append(fragment);
                return;
            }

            BecomeText();
            next.Append(fragment);
        }

        public override void EndToken()
        {
            if (!_isText && TryParse(_token.ToString(), out var value))
            {
                _run.Add(value);
                _token.Clear();
                return;
            }

            BecomeText();
            _isText = false;
            next.EndToken();
        }

        public override void Finish()
        {
            EndRun();
            next.Finish();
        }

        /// <summary>The current token is no byte: the run before it ends, and what is known of the token goes on.</summary>
        private void BecomeText()
        {
            EndRun();
            _isText = true;
            if (_token.Length > 0)
            {
                next.Append(_token.ToString());
                _token.Clear();
            }
        }

        private void EndRun()
        {
            if (_run.Count == 0)
            {
                return;
            }

            var bytes = CollectionsMarshal.AsSpan(_run);
            if (Utf8.IsValid(bytes))
            {
                next.Append(Encoding.UTF8.GetString(bytes));
                next.EndToken();
            }
            else
            {
                for (var i = 0; i < _run.Count; i++)
                {
                    next.Append("\uFFFD");
                    next.EndToken();
                }
            }

            _run.Clear();
        }
    }
}
