using System.Text;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Builtins;

/// <summary>Python's string functions over .NET strings; the callers pay for them.</summary>
internal static class PythonStrings
{
    /// <summary><c>strip</c>: both ends, or one.</summary>
    /// <param name="text">The string.</param>
    /// <param name="set">Characters to strip; null for white space.</param>
    /// <param name="left">Whether the start is stripped.</param>
    /// <param name="right">Whether the end is stripped.</param>
    public static string Strip(string text, string? set, bool left = true, bool right = true)
    {
        var lookup = set is null ? null : new HashSet<char>(set);
        var (from, to) = (0, text.Length);
        while (left && from < to && IsStripped(text[from], lookup))
        {
            from++;
        }

        while (right && to > from && IsStripped(text[to - 1], lookup))
        {
            to--;
        }

        return text[from..to];
    }

    /// <summary><c>splitlines</c>.</summary>
    public static List<string> SplitLines(string text, bool keepEnds = false)
    {
        var lines = new List<string>();
        for (var at = 0; at < text.Length;)
        {
            var end = at;
            while (end < text.Length && !IsLineEnd(text[end]))
            {
                end++;
            }

            var next = Math.Min(end + 1, text.Length);
            next += end + 1 < text.Length && text[end] == '\r' && text[end + 1] == '\n' ? 1 : 0;
            lines.Add(text[at..(keepEnds ? next : end)]);
            at = next;
        }

        return lines;
    }

    /// <summary><c>split(sep, limit)</c> from the left; a null separator is any run of white space.</summary>
    public static List<string> Split(string text, string? separator, int limit)
    {
        var parts = new List<string>();
        var at = 0;
        if (separator is not null)
        {
            for (int hit; parts.Count != limit && (hit = text.IndexOf(separator, at, StringComparison.Ordinal)) >= 0; at = hit + separator.Length)
            {
                parts.Add(text[at..hit]);
            }

            parts.Add(text[at..]);
            return parts;
        }

        while (true)
        {
            at = SkipWhile(text, at, space: true);
            if (at == text.Length)
            {
                return parts;
            }

            var end = parts.Count == limit ? text.Length : SkipWhile(text, at, space: false);
            parts.Add(text[at..end]);
            at = end;
        }
    }

    /// <summary><c>rsplit(sep, limit)</c>: counts the splits from the right.</summary>
    public static List<string> SplitRight(string text, string? separator, int limit)
    {
        if (limit < 0)
        {
            return Split(text, separator, -1);
        }

        var parts = new List<string>();
        var end = separator is null ? Strip(text, null, left: false).Length : text.Length;
        while (parts.Count < limit)
        {
            int from, to;
            if (separator is not null)
            {
                to = end < separator.Length ? -1 : text.LastIndexOf(separator, end - 1, StringComparison.Ordinal);
                from = to + separator.Length;
            }
            else
            {
                from = end;
                while (from > 0 && !CodePoints.IsSpace(text[from - 1]))
                {
                    from--;
                }

                to = Strip(text[..from], null, left: false).Length;
                to = to == 0 ? -1 : to;
            }

            if (to < 0)
            {
                break;
            }

            parts.Add(text[from..end]);
            end = to;
        }

        if (separator is not null || Strip(text[..end], null).Length > 0)
        {
            parts.Add(text[..end]);
        }

        parts.Reverse();
        return parts;
    }

    /// <summary><c>replace(old, new, count)</c>, into a string that pays as it grows; a negative count is no limit.</summary>
    public static string Replace(string text, string old, string with, int count, RenderBudget budget)
    {
        budget.ChargeSearch(text.Length, old.Length);
        var result = new BudgetedText(budget);
        var at = 0;
        if (old.Length == 0)
        {
            for (; at < text.Length && count != 0; count--)
            {
                var width = CodePoints.WidthAt(text, at);
                result.Append(with).Append(text.AsSpan(at, width));
                at += width;
            }

            return result.Append(text.AsSpan(at)).Append(count != 0 ? with : string.Empty).ToString();
        }

        for (int hit; count != 0 && (hit = text.IndexOf(old, at, StringComparison.Ordinal)) >= 0; count--, at = hit + old.Length)
        {
            result.Append(text.AsSpan(at, hit - at)).Append(with);
        }

        return result.Append(text.AsSpan(at)).ToString();
    }

    /// <summary><c>capitalize</c>: the first character in upper case, the rest in lower case.</summary>
    public static string Capitalize(string text)
    {
        var head = text.Length == 0 ? 0 : CodePoints.WidthAt(text, 0);
        return Upper(text[..head]) + Lower(text[head..]);
    }

    /// <summary><c>upper</c>; the one letter of common use whose upper case is two letters is ß.</summary>
    public static string Upper(string text) => text.ToUpperInvariant().Replace("ß", "SS", StringComparison.Ordinal);

    /// <summary><c>lower</c>.</summary>
    public static string Lower(string text) => text.ToLowerInvariant();

    /// <summary>The method <c>title</c>: a letter after no letter is in upper case, every other in lower case.</summary>
    public static string Title(string text) => MapLetters(text, (c, afterLetter) => afterLetter ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c));

    /// <summary><c>swapcase</c>.</summary>
    public static string SwapCase(string text) => MapLetters(text, (c, _) => char.IsUpper(c) ? char.ToLowerInvariant(c) : char.ToUpperInvariant(c));

    /// <summary>HTML escapes as markupsafe writes them.</summary>
    public static string EscapeHtml(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            _ = c switch
            {
                '&' => escaped.Append("&amp;"),
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '"' => escaped.Append("&#34;"),
                '\'' => escaped.Append("&#39;"),
                _ => escaped.Append(c),
            };
        }

        return escaped.ToString();
    }

    private static string MapLetters(string text, Func<char, bool, char> map)
    {
        var mapped = text.ToCharArray();
        for (var i = 0; i < mapped.Length; i++)
        {
            mapped[i] = map(text[i], i > 0 && char.IsLetter(text[i - 1]));
        }

        return new string(mapped);
    }

    private static int SkipWhile(string text, int at, bool space)
    {
        while (at < text.Length && CodePoints.IsSpace(text[at]) == space)
        {
            at++;
        }

        return at;
    }

    private static bool IsStripped(char c, HashSet<char>? set) => set?.Contains(c) ?? CodePoints.IsSpace(c);

    private static bool IsLineEnd(char c) => c is >= '\n' and <= '\r' or >= '\u001c' and <= '\u001e' or '\u0085' or '\u2028' or '\u2029';
}
