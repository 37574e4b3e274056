using Serving.Engine.Tokenization.Templates.Values;

namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>The parser's place in the tokens, and the bound on how deep it nests.</summary>
internal sealed class TokenStream(IReadOnlyList<SyntaxToken> tokens)
{
    /// <summary>Blocks, brackets and prefix operators inside each other.</summary>
    public const int MaxNesting = 64;

    /// <summary>Operators, filters or subscripts in one chain: each makes the tree one level higher.</summary>
    public const int MaxChain = 256;

    private int _at;

    private int _nesting;

    public SyntaxToken Current => tokens[_at];

    public SyntaxToken Ahead => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    public SyntaxToken Next()
    {
        var token = tokens[_at];
        _at = Math.Min(_at + 1, tokens.Count - 1);
        return token;
    }

    public bool IsOperator(string text) => Current.Kind == TokenKind.Operator && Current.Text == text;

    public bool IsName(string text) => Current.Kind == TokenKind.Name && Current.Text == text;

    public bool TryOperator(string text) => IsOperator(text) && Skip();

    public bool TryName(string text) => IsName(text) && Skip();

    public SyntaxToken Expect(TokenKind kind, string what) =>
        Current.Kind == kind ? Next() : throw Fault($"expected {what}, got {Current}");

    public SyntaxToken ExpectOperator(string text) =>
        IsOperator(text) ? Next() : throw Fault($"expected '{text}', got {Current}");

    public SyntaxToken ExpectName(string text) =>
        IsName(text) ? Next() : throw Fault($"expected '{text}', got {Current}");

    /// <summary>A fault at the current token.</summary>
    public TemplateFault Fault(string reason) => new(reason) { Offset = Current.Offset };

    /// <summary>Enters a level of nesting; every call is paired with <see cref="Leave"/>.</summary>
    public void Enter()
    {
        if (++_nesting > MaxNesting)
        {
            throw Fault($"the template nests more than {MaxNesting} deep");
        }

        RenderBudget.CheckStack();
    }

    public void Leave() => _nesting--;

    /// <summary>Counts another link of a chain.</summary>
    public void Link(ref int links)
    {
        if (++links > MaxChain)
        {
            throw Fault($"an expression chains more than {MaxChain} operators");
        }
    }

    private bool Skip()
    {
        Next();
        return true;
    }
}
