using System.Text;
using Serving.Engine.Tokenization.Patterns;

namespace Serving.Engine.Tokenization.Decoders;

/// <summary>
/// Replaces a pattern inside each token. A single character is replaced as it passes; for anything longer the token is put together first.
/// </summary>
internal sealed class ReplaceDecoder(TextPattern pattern, string content) : TokenDecoder
{
    private readonly TextReplacement _replacement = new(pattern, content);

    /// <inheritdoc/>
    public override TokenSink Attach(TokenSink next) =>
        pattern.Literal is [var single] ? new CharSink(single, content, next) : new TokenBuffer(_replacement, next);

    /// <inheritdoc/>
    public override string Rewrite(string token) => _replacement.Apply(token);

    private sealed class CharSink(char single, string content, TokenSink next) : TokenSink
    {
        public override void Append(ReadOnlySpan<char> fragment)
        {
            for (var at = fragment.IndexOf(single); at >= 0; at = fragment.IndexOf(single))
            {
                if (at > 0)
                {
                    next.Append(fragment[..at]);
                }

                if (content.Length > 0)
                {
                    next.Append(content);
                }

                fragment = fragment[(at + 1)..];
            }

            if (!fragment.IsEmpty)
            {
                next.Append(fragment);
            }
        }

        public override void EndToken() => next.EndToken();

        public override void Finish() => next.Finish();
    }

    private sealed class TokenBuffer(TextReplacement replacement, TokenSink next) : TokenSink
    {
        private readonly StringBuilder _token = new();

        public override void Append(ReadOnlySpan<char> fragment) => _token.Append(fragment);

        public override void EndToken()
        {
            if (_token.Length > 0)
            {
                next.Append(replacement.Apply(_token.ToString()));
                _token.Clear();
            }

            next.EndToken();
        }

        public override void Finish() => next.Finish();
    }
}
