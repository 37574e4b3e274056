using System.Buffers;
using System.Text;

namespace Serving.Engine.Tokenization.Decoders;

/// <summary>
/// Reads UTF-8 that comes in pieces: a character cut in two waits for its rest, and each maximal malformed part becomes
/// one U+FFFD (Unicode chapter 3.9, as WHATWG and Rust's lossy decoding do).
/// </summary>
internal sealed class Utf8Stream
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Reads more bytes and hands on the characters that are complete.</summary>
    public void Append(ReadOnlySpan<byte> bytes, TokenSink next) => Convert(bytes, next, flush: false);

    /// <summary>Ends the input; an incomplete character becomes U+FFFD.</summary>
    public void Finish(TokenSink next) => Convert([], next, flush: true);

    private void Convert(ReadOnlySpan<byte> bytes, TokenSink next, bool flush)
    {
        var most = Encoding.UTF8.GetMaxCharCount(bytes.Length);
        var rented = most > 128 ? ArrayPool<char>.Shared.Rent(most) : null;
        Span<char> chars = rented ?? stackalloc char[128];
        var count = _decoder.GetChars(bytes, chars, flush);
        if (count > 0)
        {
            next.Append(chars[..count]);
        }

        if (rented is not null)
        {
            ArrayPool<char>.Shared.Return(rented);
        }
    }
}
