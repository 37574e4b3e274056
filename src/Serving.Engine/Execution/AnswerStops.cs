using Serving.Engine.Tokenization;

namespace Serving.Engine.Execution;

/// <summary>The stop strings of one answer: which was found, and what is held back as it may become one.</summary>
/// <param name="stops">The stop strings; none is looked for where there are none.</param>
public sealed class AnswerStops(IReadOnlyList<string> stops)
{
    private readonly StopMatcher? _matcher = stops.Count > 0 ? new StopMatcher(stops) : null;

    /// <summary>The stop string that was found.</summary>
    public string? Matched { get; private set; }

    /// <summary>Whether they are looked for: not among the first tokens of an answer that has to have so many.</summary>
    public bool AreLookedFor { get; set; }

    /// <summary>Takes more text; returns what has become certain.</summary>
    public string Append(string text)
    {
        if (_matcher is null || text.Length == 0 || !AreLookedFor)
        {
            return text;
        }

        var match = _matcher.Append(text);
        Matched = match.Stop;
        return match.Text;
    }

    /// <summary>Ends a text with the last of it; returns what was held back.</summary>
    public string Flush(string rest = "")
    {
        var text = Append(rest);
        return Matched is null && _matcher is not null ? text + _matcher.Flush() : text;
    }
}
