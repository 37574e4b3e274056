using System.Text;

namespace Serving.Engine.Tokenization.Patterns;

/// <summary>A pattern and the literal text that takes the place of its matches.</summary>
internal sealed class TextReplacement(TextPattern pattern, string content)
{
    /// <summary>The text with every match replaced, leftmost first; the same object when there is none.</summary>
    public string Apply(string text)
    {
        var matches = new MatchWalk(pattern, text);
        StringBuilder? result = null;
        var done = 0;
        while (matches.Next())
        {
            result ??= new StringBuilder(text.Length);
            result.Append(text, done, matches.Start - done).Append(content);
            done = matches.End;
        }

        return result is null ? text : result.Append(text, done, text.Length - done).ToString();
    }
}
