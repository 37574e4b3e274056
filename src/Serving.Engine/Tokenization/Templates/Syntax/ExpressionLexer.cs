using System.Text;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>Cuts what stands between the ends of a tag into names, literals and operators.</summary>
internal sealed class ExpressionLexer(string source, List<SyntaxToken> tokens)
{
    private static readonly string[] LongOperators = ["==", "!=", ">=", "<=", "//", "**"];

    private const string ShortOperators = "+-/*%~[](){}><=.:|,;";

    /// <summary>Closing brackets that are still to come; a tag cannot end inside brackets.</summary>
    private readonly Stack<char> _open = new();

    private int _at;

    /// <summary>Reads from <paramref name="at"/> to the tag's end.</summary>
    /// <returns>The offset behind the end and the sign before it: '-', '+' or '\0'.</returns>
    public (int End, char Sign) Read(int at, string end)
    {
        for (_at = at; ;)
        {
            while (_at < source.Length && CodePoints.IsSpace(source[_at]))
            {
                _at++;
            }

            if (_at >= source.Length)
            {
                throw new TemplateFault($"unexpected end of template, expected '{end}'") { Offset = source.Length };
            }

            if (_open.Count == 0 && TryEnd(end) is { } sign)
            {
                return (_at, sign);
            }

            ReadToken();
        }
    }

    private char? TryEnd(string end)
    {
        if (string.CompareOrdinal(source, _at, end, 0, 2) == 0)
        {
            _at += 2;
            return '\0';
        }

        // A variable ends with "-}}" or "}}"; only a block can end with "+%}".
        var sign = source[_at];
        if ((sign == '-' || (sign == '+' && end == "%}")) && string.CompareOrdinal(source, _at + 1, end, 0, 2) == 0)
        {
            _at += 3;
            return sign;
        }

        return null;
    }

    private void ReadToken()
    {
        var start = _at;
        var c = source[_at];
        if (char.IsAsciiDigit(c))
        {
            ReadNumber(start);
        }
        else if (c == '_' || char.IsLetter(c))
        {
            while (_at < source.Length && (source[_at] == '_' || char.IsLetterOrDigit(source[_at])))
            {
                _at++;
            }

            tokens.Add(new SyntaxToken(TokenKind.Name, source[start.._at], start));
        }
        else if (c is '\'' or '"')
        {
            ReadString(start, c);
        }
        else
        {
            ReadOperator(start);
        }
    }

    private void ReadOperator(int start)
    {
        var text = Array.Find(LongOperators, o => string.CompareOrdinal(source, start, o, 0, 2) == 0);
        if (text is null && !ShortOperators.Contains(source[start], StringComparison.Ordinal))
        {
            throw new TemplateFault($"unexpected character '{source[start]}'") { Offset = start };
        }

        text ??= source[start].ToString();
        _at = start + text.Length;
        switch (text[0])
        {
            case '(':
                _open.Push(')');
                break;
            case '[':
                _open.Push(']');
                break;
            case '{':
                _open.Push('}');
                break;
            case ')' or ']' or '}' when !_open.TryPop(out var expected) || expected != text[0]:
                throw new TemplateFault($"unexpected '{text}'") { Offset = start };
        }

        tokens.Add(new SyntaxToken(TokenKind.Operator, text, start));
    }

    private void ReadNumber(int start)
    {
        if (TryRadix(start, out var length))
        {
            _at = start + length;
            tokens.Add(new SyntaxToken(TokenKind.Integer, source[start.._at].Replace("_", string.Empty, StringComparison.Ordinal), start));
            return;
        }

        SkipDigits();
        var isFloat = false;
        var afterDot = start > 0 && source[start - 1] == '.';
        if (!afterDot && Peek(0) == '.' && char.IsAsciiDigit(Peek(1)))
        {
            _at++;
            SkipDigits();
            isFloat = true;
        }

        var sign = Peek(1) is '+' or '-' ? 1 : 0;
        if (!afterDot && Peek(0) is 'e' or 'E' && char.IsAsciiDigit(Peek(1 + sign)))
        {
            _at += 1 + sign;
            SkipDigits();
            isFloat = true;
        }

        var text = source[start.._at].Replace("_", string.Empty, StringComparison.Ordinal);
        if (!isFloat && text.Length > 1 && text[0] == '0' && text.AsSpan().IndexOfAnyExcept('0') >= 0)
        {
            throw new TemplateFault("an integer cannot start with 0") { Offset = start };
        }

        tokens.Add(new SyntaxToken(isFloat ? TokenKind.Float : TokenKind.Integer, text, start));
    }

    private bool TryRadix(int start, out int length)
    {
        length = 0;
        var radix = char.ToLowerInvariant(Peek(1));
        if (source[start] != '0' || radix is not ('x' or 'o' or 'b'))
        {
            return false;
        }

        Func<char, bool> isDigit = radix switch { 'x' => char.IsAsciiHexDigit, 'o' => static c => c is >= '0' and <= '7', _ => static c => c is '0' or '1' };
        for (length = 2; isDigit(Peek(length)) || (Peek(length) == '_' && isDigit(Peek(length + 1)));)
        {
            length++;
        }

        return length > 2;
    }

    private void SkipDigits()
    {
        while (char.IsAsciiDigit(Peek(0)) || (Peek(0) == '_' && char.IsAsciiDigit(Peek(1))))
        {
            _at++;
        }
    }

    private char Peek(int ahead) => _at + ahead < source.Length ? source[_at + ahead] : '\0';

    private void ReadString(int start, char quote)
    {
        var text = new StringBuilder();
        for (_at = start + 1; ;)
        {
            if (_at >= source.Length)
            {
                throw new TemplateFault("a string has no end") { Offset = start };
            }

            var c = source[_at++];
            if (c == quote)
            {
                break;
            }

            if (c == '\\' && _at < source.Length)
            {
                _at = StringEscapes.Append(text, source, _at);
            }
            else
            {
                text.Append(c);
            }
        }

        tokens.Add(new SyntaxToken(TokenKind.String, text.ToString(), start));
    }
}
