using System.Text;
using Serving.Engine.Tokenization.AddedTokens;

namespace Serving.Engine.Tokenization;

/// <summary>
/// Keeps special tokens out of a user's text. The noncharacter U+FDD0 goes behind the first character of every place where a special
/// token stands, also overlapping ones, and between the text and its surroundings where the two could form one; encoding takes
/// the marks out again after it has looked for added tokens, so that the text is encoded as the text it is.
/// </summary>
internal sealed class SpecialTokenGuard
{
    private readonly string[] _tokens;
    private readonly PhraseTrie _trie;

    public SpecialTokenGuard(IEnumerable<AddedToken> tokens)
    {
        _tokens = [.. tokens.Where(token => token.Special).Select(token => token.Content)];
        _trie = new PhraseTrie(_tokens);
    }

    /// <summary>The text with its marks; the same object when it needs none.</summary>
    public string Guard(string text)
    {
        text = text.Contains(AddedTokenReader.Mark) ? text.Replace("\uFDD0", string.Empty, StringComparison.Ordinal) : text;
        var places = Places(text);
        if (places.Count == 0)
        {
            return text;
        }

        var result = new StringBuilder(text.Length + places.Count);
        var done = 0;
        foreach (var place in places)
        {
            result.Append(text, done, place - done).Append(AddedTokenReader.Mark);
            done = place;
        }

        return result.Append(text, done, text.Length - done).ToString();
    }

    private SortedSet<int> Places(string text)
    {
        var places = new SortedSet<int>();
        for (var from = 0; _trie.Find(text, from, out var start, out _) >= 0; from = start + 1)
        {
            places.Add(start + (char.IsHighSurrogate(text[start]) && start + 1 < text.Length ? 2 : 1));
        }

        return places;
    }
}
