using System.Text;
using System.Text.RegularExpressions;

namespace Serving.Engine.Tokenization.Patterns;

/// <summary>
/// Rewrites a regular expression from Oniguruma's Ruby syntax, which tokenizers use, to .NET's: possessive quantifiers become atomic
/// groups, classes are written out, case folding gets the long s. What has no equivalent is refused with an <see cref="ArgumentException"/>.
/// </summary>
internal sealed class PatternTranslator
{
    private const int MaxDepth = 32;

    private static readonly Regex GroupHead =
        new(@"\G\((?:\?(?:(?<kind>:|=|!|<=|<!|>)|<[A-Za-z_]\w*>|(?<flags>[im]*(?:-[im]+)?)[:)])|(?!\?))", RegexOptions.CultureInvariant);

    private static readonly Regex IntervalText = new(@"\G\{(?:[0-9]{1,3}(?:,[0-9]{0,3})?|,[0-9]{1,3})\}", RegexOptions.CultureInvariant);

    private readonly string _pattern;
    private readonly StringBuilder _output = new();
    private readonly NamedScalars _named = new();
    private readonly Stack<(int Start, bool IgnoreCase)> _groups = [];
    private int _at;
    private int _atom = -1;
    private bool _ignoreCase;

    private PatternTranslator(string pattern)
    {
        _pattern = pattern;
    }

    /// <summary>The .NET expression, to be used with <see cref="RegexOptions.Multiline"/> on a <see cref="ScalarText"/>.</summary>
    /// <param name="pattern">The expression in Oniguruma's syntax.</param>
    /// <param name="named">The characters beyond the basic plane that it names.</param>
    public static string Translate(string pattern, out IReadOnlyList<(int First, int Last)> named)
    {
        var translator = new PatternTranslator(pattern);
        while (translator._at < pattern.Length)
        {
            translator.Next();
        }

        named = translator._named.Ranges;
        return translator._groups.Count == 0 ? translator._output.ToString() : throw new ArgumentException("a group is not closed");
    }

    private void Next()
    {
        var c = _pattern[_at];
        switch (c)
        {
            case '(':
                Open();
                break;
            case ')':
                Close();
                break;
            case '|' or '^' or '$':
                _output.Append(c);
                _at++;
                _atom = -1;
                break;
            case '*' or '+' or '?':
                _at++;
                Quantify(c.ToString(), mayBePossessive: true);
                break;
            case '{' when Interval() is { } interval:
                Quantify(interval, mayBePossessive: false);
                break;
            case '[':
                Atom(ClassTranslator.ReadSet(_pattern, ref _at, _ignoreCase, _named));
                break;
            case '.':
                _at++;
                Atom(".");
                break;
            case '\\':
                Escape();
                break;
            default:
                var scalar = char.IsHighSurrogate(c) && Rune.TryGetRuneAt(_pattern, _at, out var rune) ? rune.Value : c;
                _at += scalar > char.MaxValue ? 2 : 1;
                Atom(Literal(scalar));
                break;
        }
    }

    private void Atom(string text)
    {
        _atom = _output.Length;
        _output.Append(text);
    }

    private string Literal(int scalar) => scalar switch
    {
        > char.MaxValue => $"[{_named.Add([(scalar, scalar)])}]",
        's' or 'S' when _ignoreCase => "[sS\\u017F]",
        '{' or '}' or ']' => $"\\{(char)scalar}",
        _ => Regex.Escape(((char)scalar).ToString()),
    };

    private void Escape()
    {
        var next = _at + 1 < _pattern.Length ? _pattern[_at + 1] : throw new ArgumentException("a backslash at the end");
        switch (next)
        {
            case 'b' or 'B' or 'A' or 'z' or 'Z':
                _output.Append('\\').Append(next);
                _at += 2;
                _atom = -1;
                break;
            case 'R':
                _at += 2;
                Atom(@"(?>\r\n|[\n-\r\x85\u2028\u2029])");
                break;
            default:
                var content = ClassTranslator.ReadEscape(_pattern, ref _at, out var literal);
                Atom(literal is { } scalar ? Literal(scalar) : $"[{content}]");
                break;
        }
    }

    private void Open()
    {
        if (_groups.Count == MaxDepth)
        {
            throw new ArgumentException("groups are nested too deeply");
        }

        if (_pattern.AsSpan(_at).StartsWith("(?#", StringComparison.Ordinal))
        {
            _at = _pattern.IndexOf(')', _at) is >= 0 and var end ? end + 1 : throw new ArgumentException("a comment is not closed");
            return;
        }

        var match = GroupHead.Match(_pattern, _at);
        if (!match.Success)
        {
            throw new ArgumentException($"the group {_pattern.AsSpan(_at, Math.Min(4, _pattern.Length - _at))}");
        }

        _at += match.Length;
        if (match.Groups["flags"] is { Success: true } flags)
        {
            OpenFlags(flags.Value, match.Value.EndsWith(')'));
            return;
        }

        _groups.Push((_output.Length, _ignoreCase));
        _output.Append(match.Groups["kind"] is { Success: true } kind ? $"(?{kind.Value}" : "(?:");
        _atom = -1;
    }

    /// <summary><c>(?i:</c> and <c>(?i)</c>; Ruby's m is what others call s.</summary>
    private void OpenFlags(string flags, bool toTheEnd)
    {
        if (!toTheEnd)
        {
            _groups.Push((_output.Length, _ignoreCase));
        }

        var minus = flags.IndexOf('-');
        if (flags.IndexOf('i') is >= 0 and var i)
        {
            _ignoreCase = minus < 0 || i < minus;
        }

        _output.Append("(?").Append(flags.Replace('m', 's')).Append(toTheEnd ? ')' : ':');
        _atom = -1;
    }

    private void Close()
    {
        if (!_groups.TryPop(out var group))
        {
            throw new ArgumentException("a group is closed that is not open");
        }

        _output.Append(')');
        _at++;
        (_atom, _ignoreCase) = (group.Start, group.IgnoreCase);
    }

    /// <summary>Appends a quantifier with the <c>?</c> or <c>+</c> behind it, which mean different things behind an interval.</summary>
    private void Quantify(string quantifier, bool mayBePossessive)
    {
        if (_atom < 0)
        {
            throw new ArgumentException("a quantifier follows nothing");
        }

        _output.Append(quantifier);
        var suffix = _at < _pattern.Length ? _pattern[_at] : '\0';
        if (suffix is not ('?' or '+'))
        {
            return;
        }

        _at++;
        if (suffix == '+')
        {
            _output.Insert(_atom, mayBePossessive ? "(?>" : "(?:").Append(mayBePossessive ? ")" : ")+");
        }
        else if (mayBePossessive || quantifier.Contains(','))
        {
            _output.Append('?');
        }
        else
        {
            _output.Insert(_atom, "(?:").Append(")?");
        }
    }

    /// <summary>An interval such as <c>{1,3}</c> at the cursor, as .NET writes it; null when the brace is a literal.</summary>
    private string? Interval()
    {
        var match = IntervalText.Match(_pattern, _at);
        if (!match.Success)
        {
            return null;
        }

        _at += match.Length;
        return match.Value.StartsWith("{,", StringComparison.Ordinal) ? $"{{0{match.Value[1..]}" : match.Value;
    }
}
