using System.Buffers;
using System.Text;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.PreTokenizers;

/// <summary>Writes a text's UTF-8 bytes in <see cref="ByteAlphabet"/>.</summary>
internal sealed class ByteAlphabetPreTokenizer : PreTokenizer
{
    /// <inheritdoc/>
    public override void Split(ReadOnlySpan<char> text, bool atStart, PieceSink next)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        var count = Encoding.UTF8.GetBytes(text, bytes);
        var chars = ArrayPool<char>.Shared.Rent(count);
        for (var i = 0; i < count; i++)
        {
            chars[i] = ByteAlphabet.CharOf(bytes[i]);
        }

        next.Accept(chars.AsSpan(0, count), atStart);
        ArrayPool<char>.Shared.Return(chars);
        ArrayPool<byte>.Shared.Return(bytes);
    }
}
