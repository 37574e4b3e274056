using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Patterns;

namespace Serving.Engine.Grammars.Notations;

/// <summary>
/// Reads grammars as llama.cpp has them (GBNF) and XGrammar (EBNF): <c>name ::= …</c> with texts, sets of characters, groups, alternatives and repeats; an answer is what <c>root</c> says.
/// Line ends are space like any other: a rule ends where the next one begins. Known and not done: tokens by their number or name, XGrammar's lookahead.
/// </summary>
internal sealed class EbnfReader
{
    private readonly NotationCursor _cursor;
    private readonly NamedRules _rules;

    private EbnfReader(NotationCursor cursor, NamedRules rules)
    {
        _cursor = cursor;
        _rules = rules;
    }

    /// <summary>Reads a grammar.</summary>
    /// <param name="text">The grammar.</param>
    /// <param name="builder">Gets its rules.</param>
    /// <param name="field">Where it stands, for the messages.</param>
    /// <exception cref="GrammarException">It is malformed, too large, or not done.</exception>
    public static GrammarExpression Read(string text, GrammarBuilder builder, string field)
    {
        var cursor = new NotationCursor(text, field, "#");
        var reader = new EbnfReader(cursor, new NamedRules(builder, cursor));
        cursor.SkipSpace();
        while (!cursor.IsAtEnd)
        {
            reader.ReadRule();
        }

        return reader._rules.Close("root");
    }

    /// <summary>Whether a rule begins at a place, or behind the space there; nothing is passed.</summary>
    public static bool IsAtRule(NotationCursor cursor)
    {
        var start = cursor.At;
        cursor.SkipSpace();
        var stands = ReadName(cursor).Length > 0;
        cursor.SkipSpace();
        stands = stands && cursor.StandsHere("::=");
        cursor.Return(start);
        return stands;
    }

    private void ReadRule()
    {
        var name = ReadName(_cursor);
        if (name.Length == 0 || !TakeToken("::="))
        {
            throw _cursor.Malformed("a rule begins with its name and ::=");
        }

        _rules.Define(name, ReadChoice(0));
        if (_cursor.Next == ')')
        {
            throw _cursor.Malformed("a parenthesis too many");
        }
    }

    private GrammarExpression ReadChoice(int depth)
    {
        if (depth > NotationLimits.Depth)
        {
            throw _cursor.Malformed($"groups are nested more than {NotationLimits.Depth} deep");
        }

        var options = new List<GrammarExpression> { ReadSequence(depth) };
        while (TakeToken("|"))
        {
            options.Add(ReadSequence(depth));
        }

        return Express.Choice(options);
    }

    private GrammarExpression ReadSequence(int depth)
    {
        var parts = new List<GrammarExpression>();
        _cursor.SkipSpace();
        while (!_cursor.IsAtEnd && _cursor.Next is not ('|' or ')') && !IsAtRule(_cursor))
        {
            parts.Add(ReadRepeated(depth));
            _cursor.SkipSpace();
        }

        return Express.Concat(parts);
    }

    private GrammarExpression ReadRepeated(int depth)
    {
        var expression = ReadAtom(depth);
        _cursor.SkipSpace();
        while (ReadTimes() is var (least, most))
        {
            expression = Express.Repeat(expression, least, most);
            _cursor.SkipSpace();
        }

        return expression;
    }

    private (int Least, int? Most)? ReadTimes()
    {
        if (_cursor.Take("*"))
        {
            return (0, null);
        }

        if (_cursor.Take("+"))
        {
            return (1, null);
        }

        return _cursor.Take("?") ? (0, 1) : _cursor.Next == '{' ? ReadBraces() : null;
    }

    private (int Least, int? Most) ReadBraces()
    {
        TakeToken("{");
        var least = _cursor.TakeNumber();
        int? most = least;
        if (TakeToken(","))
        {
            most = _cursor.TakeNumber();
        }
        else if (least is null)
        {
            throw _cursor.Malformed("a number of times is missing");
        }

        if (!TakeToken("}"))
        {
            throw _cursor.Malformed("a brace is not closed");
        }

        return NotationRepeats.Checked(least ?? 0, most, _cursor);
    }

    private GrammarExpression ReadAtom(int depth)
    {
        switch (_cursor.Next)
        {
            case '"':
                _cursor.Take("\"");
                return Express.Text(NotationTexts.ReadQuoted(_cursor, '"'));
            case '[':
                return Express.Character(ReadSet());
            case '.':
                _cursor.Take(".");
                return Express.Character(CharacterSet.All);
            case '(' when _cursor.Ahead(1) == '=':
                throw _cursor.NotDone("a lookahead");
            case '(':
                return ReadGroup(depth);
            case '<' or '!':
                throw _cursor.NotDone("a token by its number or name");
        }

        var name = ReadName(_cursor);
        return name.Length > 0 ? _rules.Refer(name) : throw _cursor.Malformed("neither a text nor a set, a group or a rule's name");
    }

    private GrammarExpression ReadGroup(int depth)
    {
        _cursor.Take("(");
        var inner = ReadChoice(depth + 1);
        return _cursor.Take(")") ? inner : throw _cursor.Malformed("a parenthesis is not closed");
    }

    private CharacterSet ReadSet()
    {
        _cursor.Take("[");
        var isNegated = _cursor.Take("^");
        var ranges = new List<(int First, int Last)>();
        while (!_cursor.Take("]"))
        {
            var first = NotationTexts.ReadCharacter(_cursor);
            var last = first;
            if (_cursor.Next == '-' && _cursor.Ahead(1) != ']')
            {
                _cursor.Take("-");
                last = NotationTexts.ReadCharacter(_cursor);
            }

            ranges.Add(first <= last ? (first, last) : throw _cursor.Malformed("a range is out of order"));
        }

        var set = CharacterSet.Of([.. ranges]);
        return isNegated ? set.Complement() : ranges.Count > 0 ? set : throw _cursor.Malformed("a set of no characters");
    }

    private static string ReadName(NotationCursor cursor) => cursor.TakeWhile(static character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_');


    private bool TakeToken(string token)
    {
        _cursor.SkipSpace();
        var stands = _cursor.Take(token);
        if (stands)
        {
            _cursor.SkipSpace();
        }

        return stands;
    }
}
