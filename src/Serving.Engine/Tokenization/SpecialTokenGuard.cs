using System.Text;
using Serving.Engine.Tokenization.AddedTokens;

namespace Serving.Engine.Tokenization;

/// <summary>
/// Keeps special tokens out of a user's text. The noncharacter U+FDD0 goes behind the first character of every place where a special
/// token stands, also overlapping ones, and to the text's ends where it could form one together with its surroundings. Encoding takes
/// the marks out again after it has looked for added tokens, so that the text is encoded as the text it is. A special token of one
/// character cannot be told from that character and is left alone.
/// </summary>
internal sealed class SpecialTokenGuard
{
    private readonly PhraseTrie _tokens;
    private readonly PhraseTrie _reversed;
    private readonly PhraseTrie _normalized;
    private readonly TextEncoder _encoder;

    public SpecialTokenGuard(IEnumerable<AddedToken> tokens, TextEncoder encoder)
    {
        AddedToken[] special = [.. tokens.Where(token => token.Special)];
        _tokens = new PhraseTrie([.. special.Select(token => token.Content)]);
        _reversed = new PhraseTrie([.. special.Select(token => Reverse(token.Content))]);
        _normalized = new PhraseTrie([.. special.Where(token => token.Normalized).Select(token => encoder.Normalize(token.Content))]);
        _encoder = encoder;
    }

    /// <summary>The text with its marks; the same object when it needs none.</summary>
    public string Guard(string text)
    {
        text = text.Contains(AddedTokenReader.Mark) ? text.Replace("\uFDD0", string.Empty, StringComparison.Ordinal) : text;
        var marked = Insert(text, Places(text));

        // A text can become a special token by being normalized; then nothing of it may touch its neighbour.
        return !_normalized.IsEmpty && _normalized.Find(_encoder.Normalize(marked), 0, out _, out _) >= 0 ? Insert(text, Boundaries(text)) : marked;
    }

    private static string Reverse(ReadOnlySpan<char> text)
    {
        var reversed = text.ToArray();
        Array.Reverse(reversed);
        return new string(reversed);
    }

    private static string Insert(string text, IEnumerable<int> places)
    {
        StringBuilder? result = null;
        var done = 0;
        foreach (var place in places)
        {
            result ??= new StringBuilder(text.Length + 16);
            result.Append(text, done, place - done).Append(AddedTokenReader.Mark);
            done = place;
        }

        return result is null ? text : result.Append(text, done, text.Length - done).ToString();
    }

    private static int After(string text, int at) => at + (at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]) ? 2 : 1);

    private static IEnumerable<int> Boundaries(string text)
    {
        for (var at = 0; at < text.Length; at = After(text, at))
        {
            yield return at;
        }

        yield return text.Length;
    }

    private SortedSet<int> Places(string text)
    {
        var places = new SortedSet<int>();
        for (var from = 0; _tokens.Find(text, from, out var start, out _) >= 0; from = start + 1)
        {
            places.Add(After(text, start));
        }

        var reach = Math.Clamp(_tokens.Longest - 1, 0, text.Length);
        var head = Reverse(text.AsSpan(0, reach));
        for (var length = 1; length <= reach; length++)
        {
            if (_tokens.Begins(text.AsSpan(text.Length - length)))
            {
                places.Add(text.Length);
            }

            if (_reversed.Begins(head.AsSpan(reach - length)))
            {
                places.Add(0);
            }
        }

        return places;
    }
}
