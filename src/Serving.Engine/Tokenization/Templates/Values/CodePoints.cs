namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>Python's view of a string as a sequence of code points, over .NET's UTF-16 units; a lone surrogate is a code point of its own.</summary>
internal static class CodePoints
{
    /// <summary>Number of code points.</summary>
    public static int Count(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\ud800', '\udbff') < 0)
        {
            return text.Length;
        }

        var count = 0;
        for (var at = 0; at < text.Length; at += WidthAt(text, at))
        {
            count++;
        }

        return count;
    }

    /// <summary>UTF-16 units of the code point at <paramref name="offset"/>: 1 or 2.</summary>
    public static int WidthAt(string text, int offset) =>
        char.IsHighSurrogate(text[offset]) && offset + 1 < text.Length && char.IsLowSurrogate(text[offset + 1]) ? 2 : 1;

    /// <summary>UTF-16 offset of the code point with number <paramref name="index"/>; the length when it is past the end.</summary>
    public static int Offset(StringValue value, int index)
    {
        if (value.IsBasic)
        {
            return Math.Min(index, value.Text.Length);
        }

        var at = 0;
        while (index-- > 0 && at < value.Text.Length)
        {
            at += WidthAt(value.Text, at);
        }

        return at;
    }

    /// <summary>Number of code points before a UTF-16 offset.</summary>
    public static int IndexOf(StringValue value, int offset) =>
        value.IsBasic ? offset : Count(value.Text[..offset]);

    /// <summary>The code points, each as a string.</summary>
    public static IEnumerable<string> Enumerate(string text)
    {
        for (var at = 0; at < text.Length;)
        {
            var width = WidthAt(text, at);
            yield return text.Substring(at, width);
            at += width;
        }
    }

    /// <summary>Python's <c>str.isspace</c> for one unit.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';
}
