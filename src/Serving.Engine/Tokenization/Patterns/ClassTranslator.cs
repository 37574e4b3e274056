using System.Globalization;
using System.Text;

namespace Serving.Engine.Tokenization.Patterns;

/// <summary>Character classes and escapes of Oniguruma, rewritten as the inside of .NET's brackets.</summary>
internal static class ClassTranslator
{
    private const string Word = @"\p{L}\p{M}\p{Nd}\p{Pc}";
    private const string NotWord = @"\p{Nl}\p{No}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}\p{S}\p{Z}\p{C}";

    private static readonly HashSet<string> Categories =
    [
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Cs", "Co", "Cn",
    ];

    /// <summary>The scripts that published patterns name, in the basic plane (Scripts.txt).</summary>
    private static readonly Dictionary<string, string> Scripts = new()
    {
        ["Han"] = @"\u2E80-\u2E99\u2E9B-\u2EF3\u2F00-\u2FD5\u3005\u3007\u3021-\u3029\u3038-\u303B\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFA6D\uFA70-\uFAD9",
        ["Hiragana"] = @"\u3041-\u3096\u309D-\u309F",
        ["Katakana"] = @"\u30A1-\u30FA\u30FD-\u30FF\u31F0-\u31FF\u32D0-\u32FE\u3300-\u3357\uFF66-\uFF6F\uFF71-\uFF9D",
        ["Hangul"] = @"\u1100-\u11FF\u302E\u302F\u3131-\u318E\u3200-\u321E\u3260-\u327E\uA960-\uA97C\uAC00-\uD7A3\uD7B0-\uD7C6\uD7CB-\uD7FB\uFFA0-\uFFBE"
            + @"\uFFC2-\uFFC7\uFFCA-\uFFCF\uFFD2-\uFFD7\uFFDA-\uFFDC",
    };

    /// <summary>Reads a bracketed class at the cursor. Of intersections only <c>&amp;&amp;[^…]</c> at the end is known, which is a difference.</summary>
    public static string ReadSet(string pattern, ref int at, bool ignoreCase, NamedScalars named)
    {
        at++;
        var negated = At(pattern, at) == '^';
        at += negated ? 1 : 0;
        var content = new StringBuilder();
        var foldsS = false;
        List<(int First, int Last)> astral = [];
        for (var first = true; first || At(pattern, at) != ']'; first = false)
        {
            if (pattern.AsSpan(at).StartsWith("&&[^", StringComparison.Ordinal) && !negated)
            {
                at += 2;
                var minus = ReadSet(pattern, ref at, ignoreCase, named);
                content.Append(astral.Count > 0 ? named.Add(astral) : string.Empty).Append("-[").Append(minus.AsSpan(2));
                astral.Clear();
                break;
            }

            ReadItem(pattern, ref at, content, astral, ref foldsS);
        }

        at += At(pattern, at) == ']' ? 1 : throw new ArgumentException("a class is not closed");
        content.Append(astral.Count > 0 ? named.Add(astral) : string.Empty);
        return $"[{(negated ? "^" : string.Empty)}{(foldsS && ignoreCase ? "\\u017F" : string.Empty)}{content}]";
    }

    /// <summary>
    /// Reads an escape at the cursor: a literal character, or a class as it stands between brackets. Classes that need a negation of more
    /// than one set are written out.
    /// </summary>
    public static string ReadEscape(string pattern, ref int at, out int? literal)
    {
        var c = At(pattern, at + 1);
        at += 2;
        literal = null;
        switch (c)
        {
            case 's' or 'S' or 'd' or 'D':
                return $"\\{c}";
            case 'w':
                return Word;
            case 'W':
                return NotWord;
            case 'h':
                return "0-9a-fA-F";
            case 'p' or 'P':
                return ReadProperty(pattern, ref at, c == 'P');
            case 'x' or 'u':
                literal = ReadCode(pattern, ref at, c);
                return string.Empty;
            default:
                literal = Control(c) ?? (char.IsAsciiLetterOrDigit(c) || char.IsSurrogate(c) ? throw new ArgumentException($"the escape \\{c}") : c);
                return string.Empty;
        }
    }

    private static void ReadItem(string pattern, ref int at, StringBuilder content, List<(int First, int Last)> astral, ref bool foldsS)
    {
        if (ReadOne(pattern, ref at, content) is not { } low)
        {
            return;
        }

        var high = low;
        if (At(pattern, at) == '-' && At(pattern, at + 1) != ']')
        {
            at++;
            high = ReadOne(pattern, ref at, new StringBuilder()) ?? throw new ArgumentException("a range ends in a class");
        }

        if (low > high)
        {
            throw new ArgumentException("a range runs backwards");
        }

        foldsS |= (low <= 's' && high >= 's') || (low <= 'S' && high >= 'S');
        if (low <= char.MaxValue)
        {
            content.Append(Quote(low)).Append(high > low ? $"-{Quote(Math.Min(high, char.MaxValue))}" : string.Empty);
        }

        if (high > char.MaxValue)
        {
            astral.Add((Math.Max(low, char.MaxValue + 1), high));
        }
    }

    /// <summary>Reads one character and returns it, or appends a class and returns null.</summary>
    private static int? ReadOne(string pattern, ref int at, StringBuilder content)
    {
        var c = At(pattern, at);
        if (c == '\\')
        {
            content.Append(ReadEscape(pattern, ref at, out var literal));
            return literal;
        }

        if (c is '[' || pattern.AsSpan(at).StartsWith("&&", StringComparison.Ordinal))
        {
            throw new ArgumentException("nested and intersected classes");
        }

        var scalar = Rune.TryGetRuneAt(pattern, at, out var rune) ? rune : throw new ArgumentException("half a character");
        at += scalar.Utf16SequenceLength;
        return scalar.Value;
    }

    private static string ReadProperty(string pattern, ref int at, bool negated)
    {
        var end = At(pattern, at) == '{' ? pattern.IndexOf('}', at) : -1;
        if (end < 0)
        {
            throw new ArgumentException("a property without braces");
        }

        var name = pattern[(at + 1)..end];
        at = end + 1;
        if (name.StartsWith('^'))
        {
            (name, negated) = (name[1..], !negated);
        }

        if (Categories.Contains(name))
        {
            return $"\\{(negated ? 'P' : 'p')}{{{name}}}";
        }

        return !negated && Scripts.TryGetValue(name.Replace("Script=", string.Empty, StringComparison.Ordinal), out var ranges)
            ? ranges
            : throw new ArgumentException($"the property {name}");
    }

    private static int ReadCode(string pattern, ref int at, char kind)
    {
        var braced = kind == 'x' && At(pattern, at) == '{';
        at += braced ? 1 : 0;
        var end = braced ? pattern.IndexOf('}', at) : at + (kind == 'u' ? 4 : 2);
        if (end < at || end > pattern.Length
            || !int.TryParse(pattern.AsSpan(at, end - at), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            || !Rune.IsValid(code))
        {
            throw new ArgumentException("a character's code");
        }

        at = end + (braced ? 1 : 0);
        return code;
    }

    private static int? Control(char c) => c switch
    {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'f' => '\f',
        'v' => '\v',
        'a' => '\a',
        'e' => '\u001B',
        '0' => '\0',
        _ => null,
    };

    private static string Quote(int code) => $"\\u{code:X4}";

    private static char At(string pattern, int at) => at < pattern.Length ? pattern[at] : throw new ArgumentException("the pattern ends early");
}
