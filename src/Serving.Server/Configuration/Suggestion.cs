namespace Serving.Server.Configuration;

/// <summary>Finds what someone probably meant.</summary>
internal static class Suggestion
{
    /// <summary>" (did you mean …?)" with the nearest candidate, or nothing when none is near.</summary>
    public static string For(string written, IEnumerable<string> candidates)
    {
        var nearest = candidates
            .Select(candidate => (Candidate: candidate, Distance: Distance(written.ToUpperInvariant(), candidate.ToUpperInvariant())))
            .MinBy(pair => pair.Distance);
        return nearest.Candidate is not null && nearest.Distance <= Math.Max(2, written.Length / 3) ? $" (did you mean {nearest.Candidate}?)" : "";
    }

    /// <summary>Edits (insert, delete, replace, swap of neighbours) from one word to the other.</summary>
    private static int Distance(string a, string b)
    {
        var (previous, current, before) = (new int[b.Length + 1], new int[b.Length + 1], new int[b.Length + 1]);
        for (var j = 0; j <= b.Length; j++)
        {
            previous[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            current[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replace = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                current[j] = Math.Min(replace, Math.Min(previous[j], current[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    current[j] = Math.Min(current[j], before[j - 2] + 1);
                }
            }

            (before, previous, current) = (previous, current, before);
        }

        return previous[b.Length];
    }
}
