namespace Serving.Engine.Grammars.Expressions;

/// <summary>Puts what rules stand for in their places, for sets of which other texts are taken out: those have no rules.</summary>
/// <param name="grammar">The grammar.</param>
internal sealed class RuleInlining(Grammar grammar)
{
    /// <summary>Parts of the result at most: a rule that is named often is there as often.</summary>
    public const int MaxParts = 100_000;

    /// <summary>Deepest nesting of the result.</summary>
    public const int MaxDepth = 512;

    private readonly HashSet<int> _open = [];
    private int _parts;
    private int _depth;

    /// <summary>The grammar's texts without rules.</summary>
    /// <exception cref="GrammarException">A rule leads back to itself, or the result is too large.</exception>
    public GrammarExpression Run() => Of(grammar.Start);

    private GrammarExpression Of(GrammarExpression expression)
    {
        if (++_parts > MaxParts || _depth == MaxDepth)
        {
            throw new GrammarException("the grammar is too large, or nested too deeply, for its rules to be put in their places, which this model's calls need.", isNotSupported: true);
        }

        _depth++;
        var whole = expression switch
        {
            SequenceExpression sequence => Express.Concat([.. sequence.Parts.Select(Of)]),
            ChoiceExpression choice => Express.Choice([.. choice.Options.Select(Of)]),
            RepeatExpression repeat => Express.Repeat(Of(repeat.Inner), repeat.Least, repeat.Most),
            RuleExpression rule => Inside(rule.Rule),
            _ => expression,
        };
        _depth--;
        return whole;
    }

    private GrammarExpression Inside(int rule)
    {
        if (!_open.Add(rule))
        {
            throw new GrammarException("a rule of the grammar leads back to itself, which the plain texts of this model's calls cannot be held to.", isNotSupported: true);
        }

        var inside = Of(grammar.Rules[rule]);
        _open.Remove(rule);
        return inside;
    }
}
