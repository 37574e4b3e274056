using System.Text;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.Decoders;

/// <summary>Reads tokens as bytes written in <see cref="ByteAlphabet"/> and all bytes together as UTF-8; malformed ones become U+FFFD.</summary>
internal sealed class ByteLevelDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override TokenSink Attach(TokenSink next) => new Sink(this, next);

    /// <summary>The bytes of a token; the UTF-8 of its text if any character is not of the alphabet.</summary>
    public override byte[] RawBytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            var value = ByteAlphabet.ByteOf(token[i]);
            if (value < 0)
            {
                return Encoding.UTF8.GetBytes(token);
            }

            bytes[i] = (byte)value;
        }

        return bytes;
    }

    private sealed class Sink(ByteLevelDecoder decoder, TokenSink next) : ByteSink
    {
        private readonly StringBuilder _token = new();
        private readonly Utf8Stream _stream = new();

        public override void Append(ReadOnlySpan<char> fragment) => _token.Append(fragment);

        public override void EndToken()
        {
            AppendToken(decoder.RawBytes(_token.ToString()));
            _token.Clear();
        }

        public override void AppendToken(ReadOnlySpan<byte> bytes) => _stream.Append(bytes, next);

        public override void Finish()
        {
            _stream.Finish(next);
            next.EndToken();
            next.Finish();
        }
    }
}
