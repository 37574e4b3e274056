using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Notations;

/// <summary>What rules' texts can begin with: whether they can be empty, and which rules stand at their beginning.</summary>
/// <param name="rules">The rules, by number.</param>
internal sealed class Beginnings(IReadOnlyDictionary<int, GrammarExpression> rules)
{
    private readonly HashSet<int> _nullable = Nullable(rules);

    /// <summary>Whether a text of an expression can be empty.</summary>
    public bool IsNullable(GrammarExpression expression) => IsNullable(expression, _nullable);

    /// <summary>Adds a rule whose text can be empty.</summary>
    public void AddNullable(int rule) => _nullable.Add(rule);

    /// <summary>The rules that a text of an expression can begin with, each as often as it stands there.</summary>
    public IEnumerable<int> Rules(GrammarExpression expression)
    {
        switch (expression)
        {
            case RuleExpression rule:
                return [rule.Rule];
            case ChoiceExpression choice:
                return choice.Options.SelectMany(Rules);
            case RepeatExpression repeat:
                return Rules(repeat.Inner);
            case SequenceExpression sequence:
                var first = sequence.Parts.TakeWhile(IsNullable).Count();
                return sequence.Parts.Take(first + 1).SelectMany(Rules);
            default:
                return [];
        }
    }

    /// <summary>
    /// Groups of rules that can begin with each other, or a rule with itself, those first that others begin with (Tarjan 1972, with a stack of its own: a client's rules may name each other in a long row).
    /// </summary>
    public List<List<int>> Circles()
    {
        var begins = rules.ToDictionary(static rule => rule.Key, rule => Rules(rule.Value).Distinct().ToArray());
        var (numbers, lowest) = (new Dictionary<int, int>(), new Dictionary<int, int>());
        var (path, way) = (new Stack<int>(), new Stack<(int Rule, int Next)>());
        var onPath = new HashSet<int>();
        var circles = new List<List<int>>();
        foreach (var first in rules.Keys)
        {
            Visit(first);
            while (way.TryPop(out var top))
            {
                var (rule, next) = top;
                if (next > 0 && onPath.Contains(begins[rule][next - 1]))
                {
                    lowest[rule] = Math.Min(lowest[rule], lowest[begins[rule][next - 1]]);
                }

                if (next < begins[rule].Length)
                {
                    way.Push((rule, next + 1));
                    Visit(begins[rule][next]);
                }
                else if (lowest[rule] == numbers[rule])
                {
                    Leave(rule);
                }
            }
        }

        return circles;

        void Visit(int rule)
        {
            if (numbers.TryAdd(rule, numbers.Count))
            {
                lowest.Add(rule, numbers[rule]);
                path.Push(rule);
                onPath.Add(rule);
                way.Push((rule, 0));
            }
        }

        void Leave(int rule)
        {
            var circle = new List<int>();
            int member;
            do
            {
                member = path.Pop();
                onPath.Remove(member);
                circle.Add(member);
            }
            while (member != rule);

            if (circle.Count > 1 || begins[rule].Contains(rule))
            {
                circles.Add(circle);
            }
        }
    }

    private static HashSet<int> Nullable(IReadOnlyDictionary<int, GrammarExpression> rules)
    {
        var nullable = new HashSet<int>();
        for (var before = -1; before < nullable.Count;)
        {
            before = nullable.Count;
            foreach (var (rule, expression) in rules)
            {
                if (!nullable.Contains(rule) && IsNullable(expression, nullable))
                {
                    nullable.Add(rule);
                }
            }
        }

        return nullable;
    }

    private static bool IsNullable(GrammarExpression expression, HashSet<int> nullable) => expression switch
    {
        LiteralExpression literal => literal.Text.Length == 0,
        SequenceExpression sequence => sequence.Parts.All(part => IsNullable(part, nullable)),
        ChoiceExpression choice => choice.Options.Any(option => IsNullable(option, nullable)),
        RepeatExpression repeat => repeat.Least == 0 || IsNullable(repeat.Inner, nullable),
        RuleExpression rule => nullable.Contains(rule.Rule),
        BothExpression both => IsNullable(both.First, nullable) && IsNullable(both.Second, nullable),
        ExceptExpression except => IsNullable(except.From, nullable) && !IsNullable(except.Without, nullable),
        _ => false,
    };
}
