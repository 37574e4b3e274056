namespace Serving.Engine.Grammars.Expressions;

/// <summary>
/// Whether a text is in an expression without rules, by the sets of places where its parts can end: without backtracking, and with a bound on the work.
/// For the few short texts that a schema itself holds.
/// </summary>
public sealed class ExpressionTest
{
    /// <summary>Most places that all texts together are tried at.</summary>
    public const int MaxWork = 2_000_000;

    private int _work;

    /// <summary>Whether the whole text is in the set.</summary>
    /// <exception cref="GrammarException">Too much has been asked of this test, all texts together.</exception>
    public bool Contains(GrammarExpression expression, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int[] characters = [.. text.EnumerateRunes().Select(rune => rune.Value)];
        return Ends(expression, characters, [0]).Contains(characters.Length);
    }

    private SortedSet<int> Ends(GrammarExpression expression, int[] text, SortedSet<int> starts)
    {
        _work += starts.Count + 1;
        if (_work > MaxWork)
        {
            throw new GrammarException("It takes too long to find out which of its own texts a pattern matches.");
        }

        return starts.Count == 0 ? starts : expression switch
        {
            LiteralExpression literal => OfLiteral(literal, text, starts),
            CharacterExpression character => [.. starts.Where(start => start < text.Length && character.Set.Contains(text[start])).Select(start => start + 1)],
            SequenceExpression sequence => sequence.Parts.Aggregate(starts, (ends, part) => Ends(part, text, ends)),
            ChoiceExpression choice => [.. choice.Options.SelectMany(option => Ends(option, text, starts))],
            RepeatExpression repeat => OfRepeat(repeat, text, starts),
            BothExpression both => [.. starts.SelectMany(start => Ends(both.First, text, [start]).Intersect(Ends(both.Second, text, [start])))],
            ExceptExpression except => [.. starts.SelectMany(start => Ends(except.From, text, [start]).Except(Ends(except.Without, text, [start])))],
            _ => throw new InvalidOperationException($"{expression.GetType().Name} is not tested: it may lead back to itself."),
        };
    }

    private static SortedSet<int> OfLiteral(LiteralExpression literal, int[] text, SortedSet<int> starts)
    {
        int[] wanted = [.. literal.Text.EnumerateRunes().Select(rune => rune.Value)];
        return [.. starts.Where(start => text.AsSpan(start).StartsWith(wanted)).Select(start => start + wanted.Length)];
    }

    private SortedSet<int> OfRepeat(RepeatExpression repeat, int[] text, SortedSet<int> starts)
    {
        var current = starts;
        for (var turn = 0; turn < repeat.Least; turn++)
        {
            var next = Ends(repeat.Inner, text, current);
            if (next.SetEquals(current))
            {
                break;
            }

            current = next;
        }

        var reached = new SortedSet<int>(current);
        for (var turn = repeat.Least; current.Count > 0 && (repeat.Most is not { } most || turn < most); turn++)
        {
            current = [.. Ends(repeat.Inner, text, current).Where(reached.Add)];
        }

        return reached;
    }
}
