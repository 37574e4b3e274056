using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>
/// Parses expressions with Jinja2's precedences, loosest first: <c>if else</c>, <c>or</c>, <c>and</c>, <c>not</c>, comparisons and <c>in</c>,
/// <c>+ -</c>, <c>~</c>, <c>* / // %</c>, <c>**</c>, signs, filters and tests, calls and subscripts. Tests and filters bind to the operand before them.
/// </summary>
internal sealed class ExpressionParser
{
    private readonly TokenStream _tokens;

    private readonly PrimaryParser _primary;

    public ExpressionParser(TokenStream tokens)
    {
        _tokens = tokens;
        _primary = new PrimaryParser(tokens, this);
    }

    /// <summary>Names that were read since the set was last replaced: how a macro knows whether it uses <c>caller</c>.</summary>
    public HashSet<string> NamesRead { get; set; } = [];

    /// <summary>Filters and the arguments of calls.</summary>
    public PrimaryParser Primary => _primary;

    /// <summary>Parses a whole expression.</summary>
    public ExpressionNode Parse(bool withConditional = true)
    {
        _tokens.Enter();
        try
        {
            return withConditional ? ParseConditional() : ParseOr();
        }
        finally
        {
            _tokens.Leave();
        }
    }

    /// <summary>Parses an expression or, where commas follow, a tuple without parentheses.</summary>
    /// <param name="withConditional">False where a following <c>if</c> belongs to the statement.</param>
    /// <param name="endName">A name that ends the tuple after a trailing comma.</param>
    /// <param name="inParentheses">Whether an empty tuple is meant.</param>
    public ExpressionNode ParseTuple(bool withConditional = true, string? endName = null, bool inParentheses = false)
    {
        var offset = _tokens.Current.Offset;
        var items = new List<ExpressionNode>();
        var isTuple = false;
        while (!IsTupleEnd(endName))
        {
            items.Add(Parse(withConditional));
            if (!_tokens.TryOperator(","))
            {
                break;
            }

            isTuple = true;
        }

        if (isTuple || (items.Count == 0 && inParentheses))
        {
            return new TupleExpression(offset, items);
        }

        return items.Count == 1 ? items[0] : throw _tokens.Fault($"expected an expression, got {_tokens.Current}");
    }

    /// <summary>Parses an operand with its signs, subscripts and calls, and unless told otherwise its filters and tests.</summary>
    public ExpressionNode ParseUnary(bool withFilters = true)
    {
        var token = _tokens.Current;
        ExpressionNode operand;
        if (_tokens.IsOperator("-") || _tokens.IsOperator("+"))
        {
            _tokens.Next();
            _tokens.Enter();
            operand = new SignExpression(token.Offset, token.Text == "-", ParseUnary(withFilters: false));
            _tokens.Leave();
        }
        else
        {
            operand = _primary.Parse();
        }

        operand = _primary.ParsePostfix(operand);
        return withFilters ? _primary.ParseFiltersAndTests(operand) : operand;
    }

    private bool IsTupleEnd(string? endName) =>
        _tokens.Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd || _tokens.IsOperator(")") || (endName is not null && _tokens.IsName(endName));

    private ExpressionNode ParseConditional()
    {
        var expression = ParseOr();
        var links = 0;
        while (_tokens.IsName("if"))
        {
            _tokens.Link(ref links);
            var offset = _tokens.Next().Offset;
            var test = ParseOr();
            ExpressionNode? otherwise = null;
            if (_tokens.TryName("else"))
            {
                _tokens.Enter();
                otherwise = ParseConditional();
                _tokens.Leave();
            }

            expression = new ConditionalExpression(offset, test, expression, otherwise);
        }

        return expression;
    }

    private ExpressionNode ParseOr()
    {
        var left = ParseAnd();
        var links = 0;
        while (_tokens.IsName("or"))
        {
            _tokens.Link(ref links);
            left = new LogicalExpression(_tokens.Next().Offset, false, left, ParseAnd());
        }

        return left;
    }

    private ExpressionNode ParseAnd()
    {
        var left = ParseNot();
        var links = 0;
        while (_tokens.IsName("and"))
        {
            _tokens.Link(ref links);
            left = new LogicalExpression(_tokens.Next().Offset, true, left, ParseNot());
        }

        return left;
    }

    private ExpressionNode ParseNot()
    {
        if (!_tokens.IsName("not"))
        {
            return ParseComparison();
        }

        var offset = _tokens.Next().Offset;
        _tokens.Enter();
        var operand = ParseNot();
        _tokens.Leave();
        return new NotExpression(offset, operand);
    }

    private ExpressionNode ParseComparison()
    {
        var offset = _tokens.Current.Offset;
        var first = ParseSum();
        var rest = new List<(string, ExpressionNode)>();
        while (NextComparison() is { } comparison)
        {
            rest.Add((comparison, ParseSum()));
        }

        return rest.Count == 0 ? first : new CompareExpression(offset, first, rest);
    }

    private string? NextComparison()
    {
        if (_tokens.Current is { Kind: TokenKind.Operator, Text: "==" or "!=" or "<" or "<=" or ">" or ">=" })
        {
            return _tokens.Next().Text;
        }

        if (_tokens.TryName("in"))
        {
            return "in";
        }

        if (_tokens.IsName("not") && _tokens.Ahead is { Kind: TokenKind.Name, Text: "in" })
        {
            _tokens.Next();
            _tokens.Next();
            return "not in";
        }

        return null;
    }

    private ExpressionNode ParseSum()
    {
        var left = ParseConcat();
        var links = 0;
        while (_tokens.IsOperator("+") || _tokens.IsOperator("-"))
        {
            _tokens.Link(ref links);
            var token = _tokens.Next();
            left = new BinaryExpression(token.Offset, token.Text, left, ParseConcat());
        }

        return left;
    }

    private ExpressionNode ParseConcat()
    {
        var first = ParseProduct();
        if (!_tokens.IsOperator("~"))
        {
            return first;
        }

        var offset = _tokens.Current.Offset;
        var items = new List<ExpressionNode> { first };
        while (_tokens.TryOperator("~"))
        {
            items.Add(ParseProduct());
        }

        return new ConcatExpression(offset, items);
    }

    private ExpressionNode ParseProduct()
    {
        var left = ParsePower();
        var links = 0;
        while (_tokens.Current is { Kind: TokenKind.Operator, Text: "*" or "/" or "//" or "%" })
        {
            _tokens.Link(ref links);
            var token = _tokens.Next();
            left = new BinaryExpression(token.Offset, token.Text, left, ParsePower());
        }

        return left;
    }

    private ExpressionNode ParsePower()
    {
        var left = ParseUnary();
        var links = 0;
        while (_tokens.IsOperator("**"))
        {
            _tokens.Link(ref links);
            left = new BinaryExpression(_tokens.Next().Offset, "**", left, ParseUnary());
        }

        return left;
    }
}
