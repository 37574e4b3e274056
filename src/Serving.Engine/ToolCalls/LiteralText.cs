using System.Globalization;
using System.Text;
using Serving.Engine.Grammars.Json;

namespace Serving.Engine.ToolCalls;

/// <summary>Reads a text between Python's quotes, with Python's escapes, or between marks, without any, and writes it as the inside of a JSON string.</summary>
internal sealed class LiteralText
{
    private readonly string _close;
    private readonly StringBuilder _hex = new();
    private string _opening;
    private bool _isEscaped;
    private int _digits;
    private int _at;

    private LiteralText(string close, string opening) => (_close, _opening) = (close, opening);

    /// <summary>What the last character added.</summary>
    public string Written { get; private set; } = "";

    /// <summary>Whether the text is whole.</summary>
    public bool HasEnded { get; private set; }

    private bool HasEscapes => _close.Length == 1;

    /// <summary>A text that begins with a character; null where none does.</summary>
    public static LiteralText? Begin(char c, LiteralStyle style) =>
        style.TextMark.Length > 0 && c == style.TextMark[0] ? new LiteralText(style.TextMark, style.TextMark[1..])
        : c == '"' || (c == '\'' && style.TextMark.Length == 0) ? new LiteralText(c.ToString(), "")
        : null;

    /// <summary>Takes a character.</summary>
    /// <returns>Whether it can be a text still.</returns>
    public bool Take(char c)
    {
        Written = "";
        if (_opening.Length > 0)
        {
            var isRight = c == _opening[0];
            _opening = _opening[1..];
            return isRight;
        }

        if (_digits > 0)
        {
            return Hexadecimal(c);
        }

        if (_isEscaped)
        {
            _isEscaped = false;
            return Escaped(c);
        }

        if (c == _close[_at])
        {
            HasEnded = ++_at == _close.Length;
            return true;
        }

        // The beginning of a closing mark is text after all.
        Written = Inside(_close[.._at]);
        _at = c == _close[0] ? 1 : 0;
        _isEscaped = HasEscapes && c == '\\';
        Written += _isEscaped || _at > 0 ? "" : Inside(c.ToString());
        return true;
    }

    private static string Inside(string text) => WrittenStrings.Quote(text)[1..^1];

    // What is no escape keeps its backslash, as in Python; "\/" is one of JSON.
    private bool Escaped(char c)
    {
        _digits = c switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
        Written = _digits > 0 ? "" : c switch
        {
            'n' => "\\n",
            't' => "\\t",
            'r' => "\\r",
            'b' => "\\b",
            'f' => "\\f",
            'a' => "\\u0007",
            'v' => "\\u000b",
            '0' => "\\u0000",
            '\n' => "",
            '\\' or '\'' or '"' or '/' => Inside(c.ToString()),
            _ => "\\\\" + Inside(c.ToString()),
        };
        return true;
    }

    private bool Hexadecimal(char c)
    {
        if (!char.IsAsciiHexDigit(c))
        {
            return false;
        }

        _hex.Append(c);
        if (--_digits > 0)
        {
            return true;
        }

        var code = uint.Parse(_hex.ToString(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        _hex.Clear();

        // Half of a pair stays an escape: the other half may follow.
        Written = Rune.IsValid(code) ? Inside(new Rune(code).ToString()) : $"\\u{code:x4}";
        return code <= 0x10ffff;
    }
}
