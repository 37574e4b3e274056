namespace Serving.Engine.Grammars.Json;

/// <summary>Where white space may stand in a JSON text.</summary>
public enum JsonStyle
{
    /// <summary>
    /// Behind an opening bracket, behind a comma and before a closing bracket nothing, one space, or a new line with up to
    /// <see cref="JsonGrammar.MaxIndent"/> spaces or <see cref="JsonGrammar.MaxTabs"/> tabs; behind a colon at most one space. So a model can lay out what it
    /// writes and cannot write white space for ever.
    /// </summary>
    Spaced,

    /// <summary>Nowhere.</summary>
    Compact,
}
