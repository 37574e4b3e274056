using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Notations;

/// <summary>
/// Reads grammars as Lark has them, and llguidance after it: <c>name: …</c>, terminals in capitals, <c>%ignore</c>, <c>%import common</c>; an answer is what <c>start</c> says. What is ignored may stand behind every
/// terminal of a rule and before the first. A text may be cut into terminals in every way, as Lark's dynamic lexer has it: priorities say nothing. Aliases, and what a rule's mark says of the tree, change no text.
/// </summary>
internal sealed class LarkReader
{
    private const string Ignored = "%ignore";

    private readonly NotationCursor _cursor;
    private readonly NamedRules _rules;
    private readonly LarkExpansions _expansions;
    private readonly GrammarBuilder _builder;
    private readonly List<GrammarExpression> _ignored = [];

    private LarkReader(NotationCursor cursor, GrammarBuilder builder, bool ignores)
    {
        _cursor = cursor;
        _builder = builder;
        _rules = new NamedRules(builder, cursor);
        _expansions = new LarkExpansions(cursor, _rules, builder, ignores ? _rules.Refer(Ignored) : null);
    }

    /// <summary>Reads a grammar.</summary>
    /// <param name="text">The grammar.</param>
    /// <param name="builder">Gets its rules.</param>
    /// <param name="field">Where it stands, for the messages.</param>
    /// <exception cref="GrammarException">It is malformed, too large, or not done.</exception>
    public static GrammarExpression Read(string text, GrammarBuilder builder, string field)
    {
        var cursor = new NotationCursor(text, field, "//", "#");
        return new LarkReader(cursor, builder, text.Contains(Ignored, StringComparison.Ordinal)).Read();
    }

    private GrammarExpression Read()
    {
        _cursor.SkipSpace();
        while (!_cursor.IsAtEnd)
        {
            if (_cursor.Next == '%')
            {
                ReadStatement();
            }
            else
            {
                ReadDefinition();
            }

            _cursor.SkipSpace();
        }

        if (_expansions.Ignored is not { } ignored)
        {
            return _rules.Close("start");
        }

        _rules.Define(Ignored, Express.Repeat(Express.Choice(_ignored), 0, null));
        return _builder.Add(Express.Concat(ignored, _rules.Close("start")));
    }

    private void ReadDefinition()
    {
        var name = LarkNames.TakeDefined(_cursor) ?? throw _cursor.Malformed("neither a rule's name nor a statement");
        if (_cursor.Next is '{' or '[')
        {
            throw _cursor.NotDone(_cursor.Next == '{' ? "a template" : "attributes of a rule");
        }

        if (_cursor.Take("."))
        {
            _cursor.Take("-");
            _ = _cursor.TakeNumber() ?? throw _cursor.Malformed("a priority is a number");
            _cursor.SkipSpace();
        }

        if (!_cursor.Take(":"))
        {
            throw _cursor.Malformed("a colon is missing behind the rule's name");
        }

        _rules.Define(name, _expansions.ReadDefinition(LarkNames.IsTerminal(name)));
    }

    private void ReadStatement()
    {
        var start = _cursor.At;
        _cursor.Take("%");
        switch (_cursor.TakeWhile(char.IsAsciiLetter))
        {
            case "ignore":
                _ignored.Add(_expansions.ReadDefinition(isTerminal: true));
                break;
            case "import":
                ReadImport();
                break;
            case var word and ("declare" or "override" or "extend" or "llguidance"):
                _cursor.Return(start);
                throw _cursor.NotDone($"%{word}");
            default:
                _cursor.Return(start);
                throw _cursor.Malformed("an unknown statement");
        }
    }

    private void ReadImport()
    {
        _cursor.SkipSpace();
        if (!_cursor.Take("common"))
        {
            throw _cursor.NotDone("an import of anything but Lark's common terminals");
        }

        _cursor.SkipSpace();
        if (_cursor.Take("."))
        {
            var name = TakeTerminal();
            _cursor.SkipSpace();
            var alias = name;
            if (_cursor.Take("->"))
            {
                _cursor.SkipSpace();
                alias = TakeTerminal();
            }

            Import(name, alias);
            return;
        }

        if (!_cursor.Take("("))
        {
            throw _cursor.Malformed("a terminal's name is missing");
        }

        do
        {
            _cursor.SkipSpace();
            var name = TakeTerminal();
            Import(name, name);
            _cursor.SkipSpace();
        }
        while (_cursor.Take(","));
        if (!_cursor.Take(")"))
        {
            throw _cursor.Malformed("a parenthesis is not closed");
        }
    }

    private string TakeTerminal() =>
        LarkNames.Take(_cursor) is { } name && LarkNames.IsTerminal(name) ? name : throw _cursor.Malformed("a terminal's name is missing");

    // A terminal that is imported twice is the same one.
    private void Import(string name, string alias)
    {
        var expression = LarkCommon.Find(name) ?? throw _cursor.Malformed($"Lark has no common terminal {name}");
        if (!_rules.IsDefined(alias))
        {
            _rules.Define(alias, expression);
        }
    }
}
