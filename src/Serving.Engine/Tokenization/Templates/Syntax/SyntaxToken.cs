namespace Serving.Engine.Tokenization.Templates.Syntax;

/// <summary>Kinds of token that the parser sees; comments and white space inside tags are gone.</summary>
internal enum TokenKind
{
    /// <summary>Text between tags.</summary>
    Data,

    /// <summary><c>{%</c>.</summary>
    BlockBegin,

    /// <summary><c>%}</c>.</summary>
    BlockEnd,

    /// <summary><c>{{</c>.</summary>
    VariableBegin,

    /// <summary><c>}}</c>.</summary>
    VariableEnd,

    /// <summary>A name or keyword.</summary>
    Name,

    /// <summary>A string literal, unescaped.</summary>
    String,

    /// <summary>An integer literal as written.</summary>
    Integer,

    /// <summary>A float literal as written.</summary>
    Float,

    /// <summary>An operator or bracket.</summary>
    Operator,

    /// <summary>The end of the template.</summary>
    End,
}

/// <summary>One token.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Text">The text; for a string its value.</param>
/// <param name="Offset">Where it starts in the source, in UTF-16 units.</param>
internal readonly record struct SyntaxToken(TokenKind Kind, string Text, int Offset)
{
    /// <summary>How an error names the token.</summary>
    public override string ToString() => Kind switch
    {
        TokenKind.End => "end of template",
        TokenKind.Data => "text",
        TokenKind.String => "a string",
        _ => $"'{Text}'",
    };
}
