using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Notations;

/// <summary>
/// Rewrites rules that can begin with themselves, which an automaton cannot: <c>sum: sum "+" term | term</c> becomes <c>term ("+" term)*</c>, of the same texts. Of a group of rules that begin with each other each one
/// is what begins with none of them, followed by the tails that lead from there to it: a linear system, solved by rules for its paths. What is left (a rule that is only itself, or whose beginning in itself is hidden
/// behind nothing) the automaton's builder refuses.
/// </summary>
/// <param name="rules">The rules, by number.</param>
/// <param name="builder">Gives new rules their numbers.</param>
internal sealed class LeftRecursionRemoval(IReadOnlyDictionary<int, GrammarExpression> rules, GrammarBuilder builder)
{
    private readonly Dictionary<int, GrammarExpression> _rules = new(rules);
    private readonly Beginnings _beginnings = new(rules);
    private HashSet<int> _circle = [];
    private int _work;
    private int _depth;

    /// <summary>All rules, and those that had to be added.</summary>
    /// <exception cref="GrammarException">It takes too many steps.</exception>
    public IReadOnlyDictionary<int, GrammarExpression> Run()
    {
        foreach (var circle in _beginnings.Circles())
        {
            Rewrite(circle);
        }

        return _rules;
    }

    private void Rewrite(List<int> circle)
    {
        _circle = [.. circle];
        var parts = circle.ToDictionary(static rule => rule, rule => Split(_rules[rule]));
        if (circle is [var only])
        {
            var tails = parts[only].Heads.Where(static head => !Express.IsEmpty(head.Tail)).Select(static head => head.Tail);
            _rules[only] = Express.Concat(Express.Choice(parts[only].Rests), Express.Repeat(Express.Choice([.. tails]), 0, null));
            return;
        }

        foreach (var target in circle)
        {
            var paths = Paths(circle, parts, target);
            _rules[target] = Express.Choice([.. circle.Where(rule => parts[rule].Rests.Count > 0).Select(rule => Express.Concat(Express.Choice(parts[rule].Rests), paths[rule]))]);
        }
    }

    // By rule: what may follow a text of it, so that all is one of the target.
    private Dictionary<int, RuleExpression> Paths(List<int> circle, Dictionary<int, Alternatives> parts, int target)
    {
        var paths = circle.ToDictionary(static rule => rule, _ => builder.Announce());
        foreach (var from in circle)
        {
            var options = new List<GrammarExpression>();
            foreach (var same in SameTexts(from, circle, parts))
            {
                if (same == target)
                {
                    options.Add(GrammarExpression.Empty);
                    _beginnings.AddNullable(paths[from].Rule);
                }

                options.AddRange(circle.SelectMany(to => parts[to].Heads.Where(head => head.Rule == same && !Express.IsEmpty(head.Tail)).Select(head => Express.Concat(head.Tail, paths[to]))));
            }

            _rules.Add(paths[from].Rule, Express.Choice(options));
        }

        return paths;
    }

    // Rules that a rule's texts are texts of as they are.
    private static HashSet<int> SameTexts(int from, List<int> circle, Dictionary<int, Alternatives> parts)
    {
        var reached = new HashSet<int> { from };
        var open = new Stack<int>([from]);
        while (open.TryPop(out var rule))
        {
            foreach (var next in circle.Where(to => parts[to].Heads.Any(head => head.Rule == rule && Express.IsEmpty(head.Tail))))
            {
                if (reached.Add(next))
                {
                    open.Push(next);
                }
            }
        }

        return reached;
    }

    // Apart: what begins with a rule of the circle, and what begins with none.
    private Alternatives Split(GrammarExpression expression)
    {
        var parts = new Alternatives([], []);
        Split(expression, GrammarExpression.Empty, parts);
        return parts;
    }

    private void Split(GrammarExpression first, GrammarExpression rest, Alternatives parts)
    {
        var whole = Express.Concat(first, rest);
        using var step = Enter(whole);
        if (!_beginnings.Rules(whole).Any(_circle.Contains))
        {
            parts.Rests.Add(whole);
        }
        else if (first is RuleExpression rule && _circle.Contains(rule.Rule))
        {
            AddHead(rule.Rule, rest, parts);
        }
        else if (_beginnings.IsNullable(first))
        {
            // A text of it, or none and what comes next.
            SplitText(NotEmpty(first), rest, parts);
            if (Express.IsEmpty(rest))
            {
                parts.Rests.Add(GrammarExpression.Empty);
            }
            else
            {
                Split(rest, GrammarExpression.Empty, parts);
            }
        }
        else
        {
            SplitText(first, rest, parts);
        }
    }

    private void AddHead(int rule, GrammarExpression rest, Alternatives parts)
    {
        if (Express.IsEmpty(rest) || _beginnings.IsNullable(rest))
        {
            parts.Heads.Add((rule, GrammarExpression.Empty));
        }

        if (!Express.IsEmpty(rest))
        {
            parts.Heads.Add((rule, NotEmpty(rest)));
        }
    }

    private void SplitText(GrammarExpression first, GrammarExpression rest, Alternatives parts)
    {
        using var step = Enter(first);
        switch (first)
        {
            case ChoiceExpression choice:
                foreach (var option in choice.Options)
                {
                    Split(option, rest, parts);
                }

                break;
            case SequenceExpression { Parts.Count: > 0 } sequence:
                Split(sequence.Parts[0], Express.Concat([.. sequence.Parts.Skip(1), rest]), parts);
                break;
            case RepeatExpression repeat:
                Split(repeat.Inner, Express.Concat(Fewer(repeat), rest), parts);
                break;
            default:
                Split(first, rest, parts);
                break;
        }
    }

    // The texts of an expression but the empty one; of a rule of the circle all, since it stays at the beginning.
    private GrammarExpression NotEmpty(GrammarExpression expression)
    {
        using var step = Enter(expression);
        if (!_beginnings.IsNullable(expression))
        {
            return expression;
        }

        switch (expression)
        {
            case ChoiceExpression choice:
                return Express.Choice([.. choice.Options.Select(NotEmpty)]);
            case SequenceExpression { Parts.Count: > 0 } sequence:
                var behind = Express.Concat([.. sequence.Parts.Skip(1)]);
                return Express.Choice(Express.Concat(NotEmpty(sequence.Parts[0]), behind), NotEmpty(behind));
            case RepeatExpression repeat:
                return Express.Concat(NotEmpty(repeat.Inner), Fewer(repeat));
            case RuleExpression rule:
                return _circle.Contains(rule.Rule) ? rule : NotEmpty(_rules[rule.Rule]);
            case BothExpression or ExceptExpression:
                return new ExceptExpression(expression, GrammarExpression.Empty);
            default:
                return GrammarExpression.Never;
        }
    }

    private static GrammarExpression Fewer(RepeatExpression repeat) => Express.Repeat(repeat.Inner, Math.Max(repeat.Least - 1, 0), repeat.Most - 1);

    // Every step costs what it copies, and none goes deeper than expressions may be nested.
    private RewritingStep Enter(GrammarExpression expression)
    {
        _work += expression is SequenceExpression sequence ? sequence.Parts.Count + 1 : 1;
        return _work <= NotationLimits.RewritingWork && ++_depth <= NotationLimits.RewritingDepth
            ? new RewritingStep(this)
            : throw new GrammarException("The grammar's rules begin with themselves in too many ways.");
    }

    private readonly struct RewritingStep(LeftRecursionRemoval removal) : IDisposable
    {
        public void Dispose() => removal._depth--;
    }

    /// <summary>A rule's alternatives.</summary>
    /// <param name="Heads">Those that begin with a rule of the circle, without it.</param>
    /// <param name="Rests">Those that do not.</param>
    private sealed record Alternatives(List<(int Rule, GrammarExpression Tail)> Heads, List<GrammarExpression> Rests);
}
