using System.Buffers;

namespace Serving.Engine.Tokenization.AddedTokens;

/// <summary>
/// A set of phrases, found in a text leftmost first and longest first. The search jumps to the next character that begins a phrase
/// (vectorized) and walks a trie from there, so a text without such characters costs next to nothing.
/// </summary>
internal sealed class PhraseTrie
{
    private readonly Dictionary<(int Node, char Next), int> _edges = [];
    private readonly List<int> _phraseAt = [-1];
    private readonly SearchValues<char> _first;

    /// <summary>Builds the trie; of equal phrases the first counts, empty ones do not.</summary>
    public PhraseTrie(IReadOnlyList<string> phrases)
    {
        var first = new HashSet<char>();
        for (var i = 0; i < phrases.Count; i++)
        {
            if (phrases[i].Length > 0)
            {
                first.Add(phrases[i][0]);
                Insert(phrases[i], i);
                Longest = Math.Max(Longest, phrases[i].Length);
            }
        }

        _first = SearchValues.Create([.. first]);
        IsEmpty = first.Count == 0;
    }

    /// <summary>Whether there is nothing to find.</summary>
    public bool IsEmpty { get; }

    /// <summary>UTF-16 units of the longest phrase.</summary>
    public int Longest { get; }

    /// <summary>Whether a phrase begins with the text, or is the text.</summary>
    public bool Begins(ReadOnlySpan<char> text)
    {
        var node = 0;
        foreach (var c in text)
        {
            if (!_edges.TryGetValue((node, c), out node))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Finds the next phrase that begins at <paramref name="from"/> or later: its index and where it begins, or -1.</summary>
    public int Find(ReadOnlySpan<char> text, int from, out int start, out int length)
    {
        start = from;
        while (start < text.Length)
        {
            var skip = text[start..].IndexOfAny(_first);
            if (skip < 0)
            {
                break;
            }

            start += skip;
            var phrase = LongestAt(text, start, out length);
            if (phrase >= 0)
            {
                return phrase;
            }

            start++;
        }

        length = 0;
        return -1;
    }

    private int LongestAt(ReadOnlySpan<char> text, int start, out int length)
    {
        var (node, found) = (0, -1);
        length = 0;
        for (var at = start; at < text.Length && _edges.TryGetValue((node, text[at]), out node); at++)
        {
            if (_phraseAt[node] >= 0)
            {
                (found, length) = (_phraseAt[node], at + 1 - start);
            }
        }

        return found;
    }

    private void Insert(string phrase, int index)
    {
        var node = 0;
        foreach (var c in phrase)
        {
            if (!_edges.TryGetValue((node, c), out var child))
            {
                child = _phraseAt.Count;
                _phraseAt.Add(-1);
                _edges[(node, c)] = child;
            }

            node = child;
        }

        _phraseAt[node] = _phraseAt[node] < 0 ? index : _phraseAt[node];
    }
}
