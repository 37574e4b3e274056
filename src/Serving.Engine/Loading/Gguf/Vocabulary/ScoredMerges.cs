namespace Serving.Engine.Loading.Gguf.Vocabulary;

/// <summary>
/// SentencePiece merges the two neighbours that make the best-scored token. As rules in an order: every way in which two tokens make a third, the best-scored third first; of one third
/// the ways by their tokens' ids, as Hugging Face's converter orders them.
/// </summary>
internal static class ScoredMerges
{
    /// <summary>The rules.</summary>
    /// <param name="tokens">Tokens by id.</param>
    /// <param name="scores">Their scores.</param>
    /// <param name="merges">Whether a token may be merged from others.</param>
    public static IEnumerable<(string Left, string Right)> Of(IReadOnlyList<string> tokens, double[] scores, Func<int, bool> merges)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < tokens.Count; id++)
        {
            ids.TryAdd(tokens[id], id);
        }

        var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        var rules = new List<(double Score, int Order, int Left, int Right)>();
        foreach (var (text, id) in ids.Where(entry => merges(entry.Value)))
        {
            for (var cut = 1; cut < text.Length; cut++)
            {
                if (lookup.TryGetValue(text.AsSpan(0, cut), out var left) && lookup.TryGetValue(text.AsSpan(cut), out var right))
                {
                    rules.Add((scores[id], id, left, right));
                }
            }
        }

        return rules.OrderByDescending(rule => rule.Score).ThenBy(rule => rule.Order).ThenBy(rule => rule.Left).ThenBy(rule => rule.Right)
            .Select(rule => (tokens[rule.Left], tokens[rule.Right]));
    }
}
