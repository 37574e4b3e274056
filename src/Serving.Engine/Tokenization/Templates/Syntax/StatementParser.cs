using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>Parses a template's text, outputs and blocks into statements.</summary>
internal sealed class StatementParser
{
    private readonly TokenStream _tokens;

    private readonly ExpressionParser _expressions;

    private readonly TargetParser _targets;

    private readonly MacroParser _macros;

    private StatementParser(TokenStream tokens)
    {
        _tokens = tokens;
        _expressions = new ExpressionParser(tokens);
        _targets = new TargetParser(tokens);
        _macros = new MacroParser(tokens, _expressions, this);
    }

    /// <summary>Loops around the current statement inside its macro: <c>break</c> needs one.</summary>
    public int LoopDepth { get; set; }

    /// <summary>Parses a source whose newlines are normalised; faults carry their offset.</summary>
    public static IReadOnlyList<StatementNode> Parse(string source)
    {
        var parser = new StatementParser(new TokenStream(Lexer.Tokenize(source)));
        return parser.ParseStatements([]);
    }

    /// <summary>Parses from the end of an opening tag to one of <paramref name="ends"/>, and takes the end's name.</summary>
    public IReadOnlyList<StatementNode> ParseBody(out string end, params string[] ends)
    {
        _tokens.TryOperator(":");
        _tokens.Expect(TokenKind.BlockEnd, "'%}'");
        _tokens.Enter();
        var body = ParseStatements(ends);
        _tokens.Leave();
        end = _tokens.Next().Text;
        return body;
    }

    /// <summary>Parses to the one <paramref name="end"/> that there can be.</summary>
    public IReadOnlyList<StatementNode> ParseBody(string end) => ParseBody(out _, end);

    private List<StatementNode> ParseStatements(string[] ends)
    {
        var statements = new List<StatementNode>();
        while (true)
        {
            var token = _tokens.Next();
            switch (token.Kind)
            {
                case TokenKind.Data:
                    statements.Add(new TextStatement(token.Offset, token.Text));
                    break;
                case TokenKind.VariableBegin:
                    statements.Add(new OutputStatement(token.Offset, _expressions.ParseTuple()));
                    _tokens.Expect(TokenKind.VariableEnd, "'}}'");
                    break;
                case TokenKind.BlockBegin:
                    if (_tokens.Current.Kind == TokenKind.Name && ends.Contains(_tokens.Current.Text))
                    {
                        return statements;
                    }

                    ParseStatement(statements);
                    _tokens.Expect(TokenKind.BlockEnd, "'%}'");
                    break;
                case TokenKind.End when ends.Length == 0:
                    return statements;
                default:
                    throw new TemplateFault($"unexpected end of template, expected {string.Join(" or ", ends)}") { Offset = token.Offset };
            }
        }
    }

    private void ParseStatement(List<StatementNode> statements)
    {
        var token = _tokens.Expect(TokenKind.Name, "the name of a tag");
        var offset = token.Offset;
        switch (token.Text)
        {
            case "print":
                ParsePrint(offset, statements);
                break;
            default:
                statements.Add(token.Text switch
                {
                    "if" => ParseIf(offset),
                    "for" => ParseFor(offset),
                    "set" => ParseSet(offset),
                    "macro" => _macros.ParseMacro(offset),
                    "call" => _macros.ParseCallBlock(offset),
                    "generation" => new ScopedStatement(offset, _macros.ParseIsolated("endgeneration")),
                    "filter" => ParseFilterBlock(offset),
                    "with" => ParseWith(offset),
                    "autoescape" => ParseAutoescape(offset),
                    "break" or "continue" => ParseLoopControl(token),
                    "include" or "import" or "from" or "extends" or "block" =>
                        throw new TemplateFault($"'{token.Text}' is not supported: a chat template is one file") { Offset = offset },
                    _ => throw new TemplateFault($"unknown tag '{token.Text}'") { Offset = offset },
                });
                break;
        }
    }

    private void ParsePrint(int offset, List<StatementNode> statements)
    {
        for (var first = true; _tokens.Current.Kind != TokenKind.BlockEnd; first = false)
        {
            if (!first)
            {
                _tokens.ExpectOperator(",");
            }

            statements.Add(new OutputStatement(offset, _expressions.Parse()));
        }
    }

    private IfStatement ParseIf(int offset)
    {
        var branches = new List<(ExpressionNode, IReadOnlyList<StatementNode>)>();
        string end;
        do
        {
            var test = _expressions.ParseTuple(withConditional: false);
            branches.Add((test, ParseBody(out end, "elif", "else", "endif")));
        }
        while (end == "elif");
        return new IfStatement(offset, branches, end == "else" ? ParseBody("endif") : []);
    }

    private ForStatement ParseFor(int offset)
    {
        var target = _targets.Parse(withNamespace: false, endName: "in");
        _tokens.ExpectName("in");
        var items = _expressions.ParseTuple(withConditional: false, endName: "recursive");
        var filter = _tokens.TryName("if") ? _expressions.Parse() : null;
        var recursive = _tokens.TryName("recursive");
        LoopDepth++;
        var body = ParseBody(out var end, "endfor", "else");
        LoopDepth--;
        return new ForStatement(offset, target, items, filter, body, end == "else" ? ParseBody("endfor") : [], recursive);
    }

    private StatementNode ParseSet(int offset)
    {
        var target = _targets.Parse(withNamespace: true, endName: null);
        return _tokens.TryOperator("=")
            ? new SetStatement(offset, target, _expressions.ParseTuple())
            : new SetBlockStatement(offset, target, ParseFilters(), ParseBody("endset"));
    }

    private List<FilterUse> ParseFilters()
    {
        var filters = new List<FilterUse>();
        for (var links = 0; _tokens.TryOperator("|"); _tokens.Link(ref links))
        {
            filters.Add(_expressions.Primary.ParseFilter());
        }

        return filters;
    }

    private FilterBlockStatement ParseFilterBlock(int offset)
    {
        var first = _expressions.Primary.ParseFilter();
        return new FilterBlockStatement(offset, [first, .. ParseFilters()], ParseBody("endfilter"));
    }

    private WithStatement ParseWith(int offset)
    {
        var variables = new List<(AssignTarget, ExpressionNode)>();
        while (_tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (variables.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }

            var target = _targets.Parse(withNamespace: false, endName: null, withTuple: false);
            _tokens.ExpectOperator("=");
            variables.Add((target, _expressions.Parse()));
        }

        return new WithStatement(offset, variables, ParseBody("endwith"));
    }

    private ScopedStatement ParseAutoescape(int offset)
    {
        return _expressions.Parse() is LiteralExpression { Value.IsTrue: false }
            ? new ScopedStatement(offset, ParseBody("endautoescape"))
            : throw new TemplateFault("autoescape is not supported: a prompt is no HTML") { Offset = offset };
    }

    private LoopControlStatement ParseLoopControl(SyntaxToken token)
    {
        return LoopDepth > 0
            ? new LoopControlStatement(token.Offset, token.Text == "break")
            : throw new TemplateFault($"'{token.Text}' outside a loop") { Offset = token.Offset };
    }
}
