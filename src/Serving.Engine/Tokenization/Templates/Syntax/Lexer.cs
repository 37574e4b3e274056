using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>
/// Cuts a template into tokens as Jinja2 does with <c>trim_blocks</c> and <c>lstrip_blocks</c>: the first newline after a block or
/// comment goes, blanks between the start of a line and a block or comment go, <c>-</c> strips all white space on its side
/// and <c>+</c> keeps it. Expressions inside the tags are cut by <see cref="ExpressionLexer"/>.
/// </summary>
internal sealed class Lexer
{
    private readonly string _source;

    private readonly List<SyntaxToken> _tokens = [];

    private int _at;

    /// <summary>True when what was consumed last ends with a newline: blanks that follow begin a line.</summary>
    private bool _lineStarting = true;

    private Lexer(string source) => _source = source;

    /// <summary>All tokens of a source whose newlines are normalised, the last one of kind <see cref="TokenKind.End"/>.</summary>
    public static List<SyntaxToken> Tokenize(string source)
    {
        var lexer = new Lexer(source);
        while (lexer._at < source.Length)
        {
            lexer.ReadTextAndTag();
        }

        lexer._tokens.Add(new SyntaxToken(TokenKind.End, string.Empty, source.Length));
        return lexer._tokens;
    }

    private void ReadTextAndTag()
    {
        var tag = FindTag(_at);
        if (tag < 0)
        {
            AddData(_at, _source.Length);
            _at = _source.Length;
            return;
        }

        var kind = _source[tag + 1];
        var sign = tag + 2 < _source.Length && _source[tag + 2] is '-' or '+' ? _source[tag + 2] : '\0';
        AddData(_at, StripBefore(tag, kind, sign));
        _at = tag + (sign == '\0' ? 2 : 3);
        switch (kind)
        {
            case '#':
                SkipComment(tag);
                break;
            case '%' when TryRawBegin(out var body):
                ReadRaw(tag, body);
                break;
            default:
                ReadTag(tag, kind);
                break;
        }

        _lineStarting = _at > 0 && _source[_at - 1] == '\n';
    }

    private int FindTag(int from)
    {
        for (var at = from; (at = _source.IndexOf('{', at)) >= 0 && at + 1 < _source.Length; at++)
        {
            if (_source[at + 1] is '{' or '%' or '#')
            {
                return at;
            }
        }

        return -1;
    }

    /// <summary>Where the text before a tag ends once its sign and <c>lstrip_blocks</c> have acted.</summary>
    private int StripBefore(int tag, char kind, char sign)
    {
        var end = tag;
        if (sign == '-')
        {
            while (end > _at && CodePoints.IsSpace(_source[end - 1]))
            {
                end--;
            }

            return end;
        }

        if (sign == '+' || kind == '{')
        {
            return end;
        }

        var line = _source.LastIndexOf('\n', Math.Max(tag - 1, 0), Math.Max(tag - _at, 0)) + 1;
        if (line == 0 && !_lineStarting)
        {
            return end;
        }

        line = Math.Max(line, _at);
        for (var at = line; at < tag; at++)
        {
            if (!CodePoints.IsSpace(_source[at]))
            {
                return end;
            }
        }

        return line;
    }

    private void AddData(int from, int to)
    {
        if (to > from)
        {
            _tokens.Add(new SyntaxToken(TokenKind.Data, _source[from..to], from));
        }
    }

    private void SkipComment(int tag)
    {
        var end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0)
        {
            throw new TemplateFault("missing end of comment") { Offset = tag };
        }

        var sign = end > _at ? _source[end - 1] : '\0';
        _at = end + 2;
        SkipAfterBlock(sign);
    }

    /// <summary>Skips what the end of a block or comment takes with it: all white space after <c>-</c>, else one newline unless <c>+</c>.</summary>
    private void SkipAfterBlock(char sign)
    {
        if (sign == '-')
        {
            SkipSpace();
        }
        else if (sign != '+' && _at < _source.Length && _source[_at] == '\n')
        {
            _at++;
        }
    }

    private void SkipSpace()
    {
        while (_at < _source.Length && CodePoints.IsSpace(_source[_at]))
        {
            _at++;
        }
    }

    private bool TryRawBegin(out int body)
    {
        body = 0;
        if (!TryKeywordTag(_at, "raw", out var end, out var sign) || sign == '+')
        {
            return false;
        }

        body = end;
        while (sign == '-' && body < _source.Length && CodePoints.IsSpace(_source[body]))
        {
            body++;
        }

        return true;
    }

    /// <summary>Matches <c>keyword %}</c> with an optional sign from just after a tag's opening.</summary>
    private bool TryKeywordTag(int from, string keyword, out int end, out char sign)
    {
        var at = from;
        sign = '\0';
        end = 0;
        while (at < _source.Length && CodePoints.IsSpace(_source[at]))
        {
            at++;
        }

        if (string.CompareOrdinal(_source, at, keyword, 0, keyword.Length) != 0)
        {
            return false;
        }

        at += keyword.Length;
        while (at < _source.Length && CodePoints.IsSpace(_source[at]))
        {
            at++;
        }

        if (at < _source.Length && _source[at] is '-' or '+')
        {
            sign = _source[at++];
        }

        end = at + 2;
        return string.CompareOrdinal(_source, at, "%}", 0, 2) == 0;
    }

    private void ReadRaw(int tag, int body)
    {
        _lineStarting = body > 0 && _source[body - 1] == '\n';
        _at = body;
        for (var at = body; (at = _source.IndexOf("{%", at, StringComparison.Ordinal)) >= 0; at += 2)
        {
            var open = at + 2 < _source.Length && _source[at + 2] is '-' or '+' ? _source[at + 2] : '\0';
            if (TryKeywordTag(at + (open == '\0' ? 2 : 3), "endraw", out var end, out var close))
            {
                AddData(body, StripBefore(at, '%', open));
                _at = end;
                SkipAfterBlock(close);
                return;
            }
        }

        throw new TemplateFault("missing end of raw directive") { Offset = tag };
    }

    private void ReadTag(int tag, char kind)
    {
        var block = kind == '%';
        _tokens.Add(new SyntaxToken(block ? TokenKind.BlockBegin : TokenKind.VariableBegin, block ? "{%" : "{{", tag));
        var expression = new ExpressionLexer(_source, _tokens);
        var (end, sign) = expression.Read(_at, block ? "%}" : "}}");
        _tokens.Add(new SyntaxToken(block ? TokenKind.BlockEnd : TokenKind.VariableEnd, block ? "%}" : "}}", end - 2));
        _at = end;
        if (block)
        {
            SkipAfterBlock(sign);
        }
        else if (sign == '-')
        {
            SkipSpace();
        }
    }
}
