using System.Buffers;
using System.Text;
using Serving.Engine.Requests;

namespace Serving.Server.Http;

/// <summary>
/// Where the tokens of a choice begin in its text, in characters as Python counts them. A special token takes no room, since the text is without it; of a character that several tokens
/// share, each of them begins where it does.
/// </summary>
internal sealed class TextOffsets
{
    // The beginning of a character whose end is in a later token.
    private readonly byte[] _begun = new byte[4];
    private int _begunLength;
    private int _characters;

    /// <summary>Counters for some choices.</summary>
    public static TextOffsets[] Many(int count) => [.. Enumerable.Range(0, count).Select(_ => new TextOffsets())];

    /// <summary>Where the next token begins.</summary>
    public int Next(TokenLogprob token)
    {
        var offset = _characters;
        foreach (var value in token.IsSpecial ? [] : token.Bytes)
        {
            Take(value);
        }

        return offset;
    }

    // What is no character is one mark in the text, as the detokenizer writes it.
    private void Take(byte value)
    {
        _begun[_begunLength++] = value;
        while (_begunLength > 0 && Rune.DecodeFromUtf8(_begun.AsSpan(0, _begunLength), out _, out var consumed) != OperationStatus.NeedMoreData)
        {
            _characters++;
            _begun.AsSpan(consumed, _begunLength - consumed).CopyTo(_begun);
            _begunLength -= consumed;
        }
    }
}
