using System.Text;
using Serving.Engine.Tokenization.Text;

namespace Serving.Engine.Tokenization.Bpe;

/// <summary>Byte-pair encoding of one word: its characters as symbols, then the merges. Immutable but for its cache.</summary>
internal sealed class BpeModel(BpeVocabulary vocabulary, MergeTable merges, BpeOptions options)
{
    private readonly WordCache _cache = new();
    private readonly int[] _alphabet = BuildAlphabet(vocabulary, options);

    public BpeVocabulary Vocabulary => vocabulary;

    public BpeOptions Options => options;

    /// <summary>The ids that merges make, with repetitions.</summary>
    public IEnumerable<int> MergedIds => merges.Results;

    /// <summary>The working memory of one encoding call.</summary>
    public BpeMerger CreateMerger() => new(merges);

    /// <summary>
    /// Appends the ids of a word. With <paramref name="asBytes"/> the word is plain text whose UTF-8 bytes are its symbols, which gives
    /// what the same word written in <see cref="ByteAlphabet"/> would give.
    /// </summary>
    public void Encode(ReadOnlySpan<char> word, bool asBytes, BpeMerger merger, IdBuffer output)
    {
        if (word.Length > WordCache.LongestWord)
        {
            EncodeUncached(word, asBytes, merger, output);
            return;
        }

        var ids = _cache.Find(word, out var slot);
        if (ids is null)
        {
            var fresh = output.Count;
            EncodeUncached(word, asBytes, merger, output);
            _cache.Keep(slot, word, output.From(fresh));
            return;
        }

        output.AddRange(ids);
    }

    private static int[] BuildAlphabet(BpeVocabulary vocabulary, BpeOptions options)
    {
        var ids = new int[256];
        for (var value = 0; value < 256; value++)
        {
            ids[value] = options.Prefix.Length + options.Suffix.Length > 0 ? -1 : vocabulary.Find(new Rune(ByteAlphabet.CharOf((byte)value)));
        }

        return ids;
    }

    private void EncodeUncached(ReadOnlySpan<char> word, bool asBytes, BpeMerger merger, IdBuffer output)
    {
        if (asBytes)
        {
            EncodeBytes(word, merger, output);
        }
        else
        {
            EncodeCharacters(word, merger, output);
        }
    }

    private void EncodeBytes(ReadOnlySpan<char> word, BpeMerger merger, IdBuffer output)
    {
        var size = Encoding.UTF8.GetMaxByteCount(word.Length);
        var rented = size > 512 ? new byte[size] : null;
        Span<byte> bytes = rented ?? stackalloc byte[512];
        bytes = bytes[..Encoding.UTF8.GetBytes(word, bytes)];

        merger.Clear();
        var known = !options.IgnoreMerges;
        for (var i = 0; known && i < bytes.Length; i++)
        {
            var id = _alphabet[bytes[i]];
            known = id >= 0;
            merger.Add(id);
        }

        if (known)
        {
            merger.Merge(output);
            return;
        }

        var rentedText = bytes.Length > 512 ? new char[bytes.Length] : null;
        Span<char> text = rentedText ?? stackalloc char[512];
        text = text[..bytes.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            text[i] = ByteAlphabet.CharOf(bytes[i]);
        }

        EncodeCharacters(text, merger, output);
    }

    private void EncodeCharacters(ReadOnlySpan<char> word, BpeMerger merger, IdBuffer output)
    {
        if (options.IgnoreMerges && vocabulary.Find(word) is >= 0 and var whole)
        {
            output.Add(whole);
            return;
        }

        merger.Clear();
        var symbols = new SymbolWriter(vocabulary, options, merger);
        for (var at = 0; at < word.Length;)
        {
            Rune.DecodeFromUtf16(word[at..], out var rune, out var length);
            symbols.Add(rune, at == 0, at + length == word.Length);
            at += length;
        }

        symbols.FlushUnknown();
        merger.Merge(output);
    }
}
