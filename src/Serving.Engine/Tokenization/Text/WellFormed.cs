using System.Text;

namespace Serving.Engine.Tokenization.Text;

/// <summary>Text without lone surrogates.</summary>
internal static class WellFormed
{
    /// <summary>The text with every lone surrogate replaced by U+FFFD; the same object when there is none.</summary>
    public static string Text(string text)
    {
        for (var i = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF'); i >= 0 && i < text.Length;)
        {
            if (!Rune.TryGetRuneAt(text, i, out var rune))
            {
                return Replace(text);
            }

            i += rune.Utf16SequenceLength;
            var next = text.AsSpan(i).IndexOfAnyInRange('\uD800', '\uDFFF');
            i = next < 0 ? text.Length : i + next;
        }

        return text;
    }

    private static string Replace(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            result.Append(rune);
        }

        return result.ToString();
    }
}
