using System.Text;
using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>Parses literals, names, subscripts, calls, filters and tests.</summary>
internal sealed class PrimaryParser(TokenStream tokens, ExpressionParser expressions)
{
    /// <summary>Parses a literal, a name or what stands in brackets.</summary>
    public ExpressionNode Parse()
    {
        var token = tokens.Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                tokens.Next();
                return ParseName(token);
            case TokenKind.String:
                return ParseStrings(token.Offset);
            case TokenKind.Integer or TokenKind.Float:
                tokens.Next();
                return new LiteralExpression(token.Offset, NumberLiterals.Parse(token));
            case TokenKind.Operator when token.Text == "(":
                tokens.Next();
                var inner = expressions.ParseTuple(inParentheses: true);
                tokens.ExpectOperator(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return new ListExpression(token.Offset, ParseItems("]"));
            case TokenKind.Operator when token.Text == "{":
                return ParseDict();
            default:
                throw tokens.Fault($"unexpected {token}");
        }
    }

    /// <summary>Parses the subscripts, attributes and calls after an operand.</summary>
    public ExpressionNode ParsePostfix(ExpressionNode operand)
    {
        for (var links = 0; ; tokens.Link(ref links))
        {
            if (tokens.IsOperator("."))
            {
                operand = ParseAttribute(operand);
            }
            else if (tokens.IsOperator("["))
            {
                operand = ParseSubscript(operand);
            }
            else if (tokens.IsOperator("("))
            {
                operand = new CallExpression(tokens.Current.Offset, operand, ParseArguments());
            }
            else
            {
                return operand;
            }
        }
    }

    /// <summary>Parses the filters and tests after an operand.</summary>
    public ExpressionNode ParseFiltersAndTests(ExpressionNode operand)
    {
        for (var links = 0; ; tokens.Link(ref links))
        {
            if (tokens.TryOperator("|"))
            {
                operand = new FilterExpression(operand, ParseFilter());
            }
            else if (tokens.IsName("is"))
            {
                operand = ParseTest(operand);
            }
            else if (tokens.IsOperator("("))
            {
                operand = new CallExpression(tokens.Current.Offset, operand, ParseArguments());
            }
            else
            {
                return operand;
            }
        }
    }

    /// <summary>Parses <c>name(arguments)</c> after a <c>|</c>.</summary>
    public FilterUse ParseFilter()
    {
        var offset = tokens.Current.Offset;
        var name = ParseDottedName();
        return new FilterUse(offset, name, tokens.IsOperator("(") ? ParseArguments() : ArgumentList.Empty);
    }

    private static bool IsTestArgument(SyntaxToken token) => token.Kind switch
    {
        TokenKind.Name => token.Text is not ("else" or "or" or "and"),
        TokenKind.String or TokenKind.Integer or TokenKind.Float => true,
        TokenKind.Operator => token.Text is "[" or "{",
        _ => false,
    };

    private ExpressionNode ParseName(SyntaxToken token)
    {
        switch (token.Text)
        {
            case "true" or "True":
                return new LiteralExpression(token.Offset, BoolValue.True);
            case "false" or "False":
                return new LiteralExpression(token.Offset, BoolValue.False);
            case "none" or "None":
                return new LiteralExpression(token.Offset, NoneValue.Instance);
            default:
                expressions.NamesRead.Add(token.Text);
                return new NameExpression(token.Offset, token.Text);
        }
    }

    private LiteralExpression ParseStrings(int offset)
    {
        var first = tokens.Next().Text;
        if (tokens.Current.Kind != TokenKind.String)
        {
            return new LiteralExpression(offset, new StringValue(first));
        }

        var text = new StringBuilder(first);
        while (tokens.Current.Kind == TokenKind.String)
        {
            text.Append(tokens.Next().Text);
        }

        return new LiteralExpression(offset, new StringValue(text.ToString()));
    }

    private List<ExpressionNode> ParseItems(string end)
    {
        tokens.Next();
        var items = new List<ExpressionNode>();
        while (!tokens.IsOperator(end))
        {
            if (items.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.IsOperator(end))
                {
                    break;
                }
            }

            items.Add(expressions.Parse());
        }

        tokens.ExpectOperator(end);
        return items;
    }

    private DictExpression ParseDict()
    {
        var offset = tokens.Next().Offset;
        var entries = new List<(ExpressionNode, ExpressionNode)>();
        while (!tokens.IsOperator("}"))
        {
            if (entries.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.IsOperator("}"))
                {
                    break;
                }
            }

            var key = expressions.Parse();
            tokens.ExpectOperator(":");
            entries.Add((key, expressions.Parse()));
        }

        tokens.ExpectOperator("}");
        return new DictExpression(offset, entries);
    }

    private ExpressionNode ParseAttribute(ExpressionNode target)
    {
        var offset = tokens.Next().Offset;
        if (tokens.Current.Kind == TokenKind.Integer)
        {
            var index = tokens.Next();
            return new SubscriptExpression(offset, target, new LiteralExpression(index.Offset, NumberLiterals.Parse(index)));
        }

        return new AttributeExpression(offset, target, tokens.Expect(TokenKind.Name, "a name or number").Text);
    }

    private ExpressionNode ParseSubscript(ExpressionNode target)
    {
        var offset = tokens.Next().Offset;
        var start = tokens.IsOperator(":") ? null : expressions.Parse();
        if (!tokens.TryOperator(":"))
        {
            return ParseIndices(offset, target, start!);
        }

        var stop = tokens.IsOperator(":") || tokens.IsOperator("]") ? null : expressions.Parse();
        var step = tokens.TryOperator(":") && !tokens.IsOperator("]") ? expressions.Parse() : null;
        tokens.ExpectOperator("]");
        return new SliceExpression(offset, target, start, stop, step);
    }

    private SubscriptExpression ParseIndices(int offset, ExpressionNode target, ExpressionNode first)
    {
        var items = new List<ExpressionNode> { first };
        while (tokens.TryOperator(","))
        {
            items.Add(expressions.Parse());
        }

        tokens.ExpectOperator("]");
        return new SubscriptExpression(offset, target, items.Count == 1 ? first : new TupleExpression(offset, items));
    }

    private ArgumentList ParseArguments()
    {
        tokens.ExpectOperator("(");
        var positional = new List<ExpressionNode>();
        var named = new List<(string, ExpressionNode)>();
        var names = new HashSet<string>();
        ExpressionNode? star = null, doubleStar = null;
        for (var first = true; !tokens.IsOperator(")"); first = false)
        {
            if (!first)
            {
                tokens.ExpectOperator(",");
                if (tokens.IsOperator(")"))
                {
                    break;
                }
            }

            if (tokens.IsOperator("*") && star is null && doubleStar is null)
            {
                tokens.Next();
                star = expressions.Parse();
            }
            else if (tokens.IsOperator("**") && doubleStar is null)
            {
                tokens.Next();
                doubleStar = expressions.Parse();
            }
            else if (tokens.Current.Kind == TokenKind.Name && tokens.Ahead is { Kind: TokenKind.Operator, Text: "=" } && doubleStar is null)
            {
                var name = tokens.Next().Text;
                tokens.Next();
                if (!names.Add(name))
                {
                    throw tokens.Fault($"the argument '{name}' is named twice");
                }

                named.Add((name, expressions.Parse()));
            }
            else if (star is null && doubleStar is null && named.Count == 0)
            {
                positional.Add(expressions.Parse());
            }
            else
            {
                throw tokens.Fault("invalid syntax for function call expression");
            }
        }

        tokens.ExpectOperator(")");
        return new ArgumentList(positional, named, star, doubleStar);
    }

    private TestExpression ParseTest(ExpressionNode target)
    {
        var offset = tokens.Next().Offset;
        var negated = tokens.TryName("not");
        var name = ParseDottedName();
        var arguments = ArgumentList.Empty;
        if (tokens.IsOperator("("))
        {
            arguments = ParseArguments();
        }
        else if (tokens.IsName("is"))
        {
            throw tokens.Fault("tests cannot be chained with 'is'");
        }
        else if (IsTestArgument(tokens.Current))
        {
            tokens.Enter();
            arguments = new ArgumentList([ParsePostfix(Parse())], [], null, null);
            tokens.Leave();
        }

        return new TestExpression(offset, target, name, arguments, negated);
    }

    private string ParseDottedName()
    {
        var name = tokens.Expect(TokenKind.Name, "a name").Text;
        for (var links = 0; tokens.TryOperator("."); tokens.Link(ref links))
        {
            name += "." + tokens.Expect(TokenKind.Name, "a name").Text;
        }

        return name;
    }
}
