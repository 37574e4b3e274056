using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Patterns;

/// <summary>A pattern and the place up to which it has been read.</summary>
/// <param name="pattern">The pattern.</param>
/// <param name="field">Where it stands, for the messages.</param>
/// <param name="dotIsAll">Whether a dot is any character, line ends too (the flag s).</param>
internal sealed class PatternCursor(string pattern, string field, bool dotIsAll = false) : TextCursor(pattern)
{
    /// <summary>Whether a dot is any character.</summary>
    public bool DotIsAll => dotIsAll;

    /// <inheritdoc/>
    public override GrammarException Malformed(string what) => new($"{field}: the pattern is malformed at position {At}: {what}.");

    /// <inheritdoc/>
    public override GrammarException NotDone(string what) => new($"{field}: the pattern has {what} at position {At}, which is not supported.", isNotSupported: true);
}
