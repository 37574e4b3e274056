using System.Text;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Tokenization;

namespace Serving.Engine.Grammars.Masks;

/// <summary>A model's tokens as the bytes that they add to an answer, and those that end one. Special tokens add nothing and may not be taken. Immutable; some tens of bytes a token.</summary>
public sealed class TokenVocabulary
{
    private readonly Tokenizer _tokenizer;
    private readonly Dictionary<int, byte[]> _first;
    private readonly Dictionary<int, byte[]> _marked;

    /// <summary>Reads a tokenizer's tokens.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="size">Tokens that the model has logits of; at least 1.</param>
    /// <param name="ends">Tokens that end an answer.</param>
    /// <param name="spoken">Special tokens whose text is part of the answer nevertheless; null is none.</param>
    /// <exception cref="GrammarException">The tokenizer writes something between tokens: what a token adds depends on where it stands.</exception>
    public TokenVocabulary(Tokenizer tokenizer, int size, IEnumerable<int> ends, SpokenTokens? spoken = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (!tokenizer.TokensJoinPlainly)
        {
            throw new GrammarException("This model's tokenizer puts spaces between tokens; constraints are not supported with it.", isNotSupported: true);
        }

        _tokenizer = tokenizer;
        Size = size;
        Ends = [.. ends.Where(end => end >= 0 && end < size).Distinct()];
        var ids = Enumerable.Range(0, Math.Min(size, tokenizer.VocabularySize)).Where(id => (!tokenizer.IsSpecial(id) || spoken?.Ids.Contains(id) == true) && !Ends.Contains(id)).ToArray();
        _marked = spoken is { Mark.Length: > 0 } ? spoken.Ids.ToDictionary(static id => id, id => (byte[])[.. Encoding.UTF8.GetBytes(spoken.Mark), .. tokenizer.TokenBytes(id)]) : [];
        _first = ids.Where(id => !_marked.ContainsKey(id)).Select(id => (Id: id, Bytes: FirstBytes(id))).Where(token => !tokenizer.TokenBytes(token.Id).SequenceEqual(token.Bytes)).ToDictionary();
        Trie = new TokenTrie(
            ids.Select(id => (id, BytesOf(id, isFirst: false).ToArray())),
            _first.Count == 0 ? null : ids.Select(id => (id, BytesOf(id, isFirst: true).ToArray())));
    }

    /// <summary>Tokens that the model has logits of.</summary>
    public int Size { get; }

    /// <summary>Words of 32 bits in a mask.</summary>
    public int MaskWords => (Size + 31) / 32;

    /// <summary>Tokens that end an answer.</summary>
    public IReadOnlyList<int> Ends { get; }

    /// <summary>The others.</summary>
    internal TokenTrie Trie { get; }

    /// <summary>The bytes that a token adds to an answer.</summary>
    /// <param name="id">The token.</param>
    /// <param name="isFirst">Whether it is the answer's first one, which may lose a leading space.</param>
    public ReadOnlySpan<byte> BytesOf(int id, bool isFirst) =>
        isFirst && _first.TryGetValue(id, out var bytes) ? bytes
        : _marked.Count > 0 && _marked.TryGetValue(id, out var marked) ? marked
        : _tokenizer.TokenBytes(id);

    // What the decoder makes of it at the beginning; half a character, which it would hold back or replace, begins as it is.
    private byte[] FirstBytes(int id)
    {
        var bytes = _tokenizer.TokenBytes(id);
        return bytes.IsEmpty || bytes[0] != (byte)' ' ? bytes.ToArray() : Encoding.UTF8.GetBytes(_tokenizer.Decode([id], skipSpecialTokens: true));
    }
}
