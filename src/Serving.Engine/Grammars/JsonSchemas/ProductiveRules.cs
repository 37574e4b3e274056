using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.JsonSchemas;

/// <summary>
/// Which rules have any text, as far as their form tells: what a client is told then names the place of the schema. The automaton finds out the rest, without places.
/// </summary>
internal sealed class ProductiveRules
{
    private const int MaxTurns = 100;

    private readonly Dictionary<int, (GrammarExpression Expression, string Pointer)> _rules = [];
    private readonly HashSet<int> _productive = [];

    /// <summary>Adds a rule.</summary>
    public void Add(RuleExpression rule, GrammarExpression expression, string pointer) => _rules.Add(rule.Rule, (expression, pointer));

    /// <summary>The place whose schema no value satisfies; null when the start has texts, or it would take too long to say.</summary>
    public string? FindEmpty(GrammarExpression start)
    {
        var turns = 0;
        for (var more = true; more; turns++)
        {
            if (turns == MaxTurns)
            {
                return null;
            }

            // Backwards, since a rule is asked for before those in it.
            more = false;
            foreach (var (rule, (expression, _)) in _rules.Reverse())
            {
                more |= !_productive.Contains(rule) && HasText(expression) && _productive.Add(rule);
            }
        }

        return HasText(start) ? null
            : _rules.Values.FirstOrDefault(rule => Express.IsNever(rule.Expression)).Pointer ?? _rules.Values.Select(rule => rule.Pointer).FirstOrDefault() ?? "#";
    }

    private bool HasText(GrammarExpression expression) => expression switch
    {
        CharacterExpression character => !character.Set.IsEmpty,
        SequenceExpression sequence => sequence.Parts.All(HasText),
        ChoiceExpression choice => choice.Options.Any(HasText),
        RepeatExpression repeat => repeat.Least == 0 || HasText(repeat.Inner),
        RuleExpression rule => !_rules.ContainsKey(rule.Rule) || _productive.Contains(rule.Rule),
        _ => true,
    };
}
