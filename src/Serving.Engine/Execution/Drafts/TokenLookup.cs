namespace Serving.Engine.Execution.Drafts;

/// <summary>
/// Where a text has already been what it is now: the earlier place whose tokens agree the longest with the last ones. What followed there is a guess of what follows here (prompt lookup decoding, Saxena 2023).
/// </summary>
internal static class TokenLookup
{
    /// <summary>Fewer equal tokens than that are no match.</summary>
    public const int LeastLength = 2;

    /// <summary>No longer match is looked for.</summary>
    public const int MostLength = 16;

    /// <summary>Tokens looked back at most; a few microseconds.</summary>
    public const int Window = 16384;

    /// <summary>Earlier places of the last token that are tried, the newest first: a token that is everywhere would take for ever.</summary>
    public const int MostPlaces = 32;

    /// <summary>Finds the longest match, the newest of equal ones.</summary>
    /// <param name="tokens">All tokens.</param>
    /// <returns>The index of the token behind the match, and its length; 0 and 0 when there is none.</returns>
    public static (int Next, int Length) Find(ReadOnlySpan<int> tokens)
    {
        var last = tokens.Length - 1;
        var from = Math.Max(0, tokens.Length - Window);
        var best = (Next: 0, Length: LeastLength - 1);
        var end = last;
        for (var tried = 0; tried < MostPlaces && end > from && best.Length < MostLength; tried++)
        {
            var at = from + tokens[from..end].LastIndexOf(tokens[last]);
            if (at < from)
            {
                break;
            }

            var length = LengthAt(tokens, at, last);
            best = length > best.Length ? (at + 1, length) : best;
            end = at;
        }

        return best.Length >= LeastLength ? best : (0, 0);
    }

    private static int LengthAt(ReadOnlySpan<int> tokens, int at, int last)
    {
        var length = 1;
        while (length < MostLength && length <= at && tokens[at - length] == tokens[last - length])
        {
            length++;
        }

        return length;
    }
}
