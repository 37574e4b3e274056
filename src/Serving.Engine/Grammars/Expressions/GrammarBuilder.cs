namespace Serving.Engine.Grammars.Expressions;

/// <summary>Collects a grammar's rules while a schema is read. A rule is announced before it is defined, so that it can name itself.</summary>
public sealed class GrammarBuilder
{
    /// <summary>Most rules: a bound on what a hostile schema can make of a few bytes.</summary>
    public const int MaxRules = 20_000;

    private readonly List<GrammarExpression?> _rules = [];

    /// <summary>Announces a rule.</summary>
    /// <returns>A reference to it.</returns>
    /// <exception cref="GrammarException">There are too many rules.</exception>
    public RuleExpression Announce()
    {
        if (_rules.Count == MaxRules)
        {
            throw new GrammarException($"It needs more than {MaxRules} rules.");
        }

        _rules.Add(null);
        return new RuleExpression(_rules.Count - 1);
    }

    /// <summary>Defines an announced rule, once.</summary>
    public void Define(RuleExpression rule, GrammarExpression expression)
    {
        ArgumentNullException.ThrowIfNull(rule);
        ArgumentNullException.ThrowIfNull(expression);
        if (_rules[rule.Rule] is not null)
        {
            throw new InvalidOperationException($"Rule {rule.Rule} is defined twice.");
        }

        _rules[rule.Rule] = expression;
    }

    /// <summary>Adds a rule that does not name itself.</summary>
    public RuleExpression Add(GrammarExpression expression)
    {
        var rule = Announce();
        Define(rule, expression);
        return rule;
    }

    /// <summary>The grammar of all rules.</summary>
    /// <param name="start">What an answer is.</param>
    public Grammar Build(GrammarExpression start) =>
        new(start, [.. _rules.Select((rule, number) => rule ?? throw new InvalidOperationException($"Rule {number} is not defined."))]);
}
