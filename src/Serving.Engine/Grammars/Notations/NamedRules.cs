using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Notations;

/// <summary>A grammar's rules by their names, which may be used before they are defined.</summary>
/// <param name="builder">Gets the rules once all are there.</param>
/// <param name="cursor">The grammar's text.</param>
internal sealed class NamedRules(GrammarBuilder builder, NotationCursor cursor)
{
    private readonly Dictionary<string, RuleExpression> _names = [];
    private readonly Dictionary<string, int> _firstUses = [];
    private readonly Dictionary<int, GrammarExpression> _definitions = [];

    /// <summary>A reference to a rule.</summary>
    public RuleExpression Refer(string name)
    {
        if (!_firstUses.ContainsKey(name))
        {
            _firstUses.Add(name, cursor.Place.Line);
        }

        return Named(name);
    }

    /// <summary>Whether a rule has been defined.</summary>
    public bool IsDefined(string name) => _names.TryGetValue(name, out var rule) && _definitions.ContainsKey(rule.Rule);

    /// <summary>Defines a rule.</summary>
    /// <exception cref="GrammarException">It is defined already.</exception>
    public void Define(string name, GrammarExpression expression)
    {
        if (!_definitions.TryAdd(Named(name).Rule, expression))
        {
            throw cursor.Malformed($"there is another rule {name} already, which ends here");
        }
    }

    /// <summary>Ends the grammar.</summary>
    /// <param name="start">The name of the rule that an answer is.</param>
    /// <exception cref="GrammarException">A rule is used that is not defined.</exception>
    public RuleExpression Close(string start)
    {
        if (!IsDefined(start))
        {
            throw new GrammarException($"{cursor.Field}: the grammar has no rule {start}, which an answer would be.");
        }

        foreach (var (name, line) in _firstUses)
        {
            if (!IsDefined(name))
            {
                throw new GrammarException($"{cursor.Field}: line {line} of the grammar names {name}, and there is no such rule.");
            }
        }

        foreach (var (rule, expression) in new LeftRecursionRemoval(_definitions, builder).Run())
        {
            builder.Define(new RuleExpression(rule), expression);
        }

        return _names[start];
    }

    private RuleExpression Named(string name)
    {
        if (!_names.TryGetValue(name, out var rule))
        {
            rule = builder.Announce();
            _names.Add(name, rule);
        }

        return rule;
    }
}
