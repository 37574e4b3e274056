namespace Serving.Engine.Grammars.Expressions;

/// <summary>A set of texts: what a constrained answer may be. Immutable; built by the readers of schemas and patterns, made into an automaton by the compiler.</summary>
public abstract record GrammarExpression
{
    private protected GrammarExpression()
    {
    }

    /// <summary>The empty text alone.</summary>
    public static GrammarExpression Empty { get; } = new SequenceExpression([]);

    /// <summary>No text at all.</summary>
    public static GrammarExpression Never { get; } = new ChoiceExpression([]);
}

/// <summary>One text.</summary>
/// <param name="Text">The text; without unpaired surrogates.</param>
public sealed record LiteralExpression(string Text) : GrammarExpression;

/// <summary>One character out of a set.</summary>
/// <param name="Set">The characters; an empty set is <see cref="GrammarExpression.Never"/>.</param>
public sealed record CharacterExpression(CharacterSet Set) : GrammarExpression;

/// <summary>One after the other; of no parts it is the empty text.</summary>
/// <param name="Parts">In order.</param>
public sealed record SequenceExpression(IReadOnlyList<GrammarExpression> Parts) : GrammarExpression;

/// <summary>One of several; of none it is no text at all.</summary>
/// <param name="Options">In any order: the order means nothing.</param>
public sealed record ChoiceExpression(IReadOnlyList<GrammarExpression> Options) : GrammarExpression;

/// <summary>Something several times.</summary>
/// <param name="Inner">What.</param>
/// <param name="Least">At least so often; 0 or more.</param>
/// <param name="Most">At most so often; null is without end.</param>
public sealed record RepeatExpression(GrammarExpression Inner, int Least, int? Most) : GrammarExpression;

/// <summary>Texts that are in both. Neither holds a <see cref="RuleExpression"/>.</summary>
/// <param name="First">One set.</param>
/// <param name="Second">The other one.</param>
public sealed record BothExpression(GrammarExpression First, GrammarExpression Second) : GrammarExpression;

/// <summary>Texts of one set that are not in another one. Neither holds a <see cref="RuleExpression"/>.</summary>
/// <param name="From">What may be.</param>
/// <param name="Without">What may not be.</param>
public sealed record ExceptExpression(GrammarExpression From, GrammarExpression Without) : GrammarExpression;

/// <summary>What a rule of the <see cref="Grammar"/> says, which may lead back here: nesting without bound.</summary>
/// <param name="Rule">Its number.</param>
public sealed record RuleExpression(int Rule) : GrammarExpression;
