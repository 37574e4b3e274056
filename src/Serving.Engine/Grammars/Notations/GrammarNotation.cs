using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Notations;

/// <summary>Reads grammars that clients write.</summary>
public static class GrammarNotation
{
    /// <summary>The texts of a grammar: one that begins with a name and <c>::=</c> is GBNF or EBNF, any other Lark's.</summary>
    /// <param name="text">The grammar.</param>
    /// <param name="builder">Gets its rules.</param>
    /// <param name="field">Where it stands, for the messages.</param>
    /// <exception cref="GrammarException">It is malformed, too large, or not done.</exception>
    public static GrammarExpression Read(string text, GrammarBuilder builder, string field)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(builder);
        return EbnfReader.IsAtRule(new NotationCursor(text, field, "#", "//")) ? EbnfReader.Read(text, builder, field) : LarkReader.Read(text, builder, field);
    }
}
