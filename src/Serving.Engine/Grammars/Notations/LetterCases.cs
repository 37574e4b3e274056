using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Notations;

/// <summary>Texts in which capital and small letters mean the same.</summary>
internal static class LetterCases
{
    /// <summary>The texts of an expression, with every letter in either case; letters beyond ASCII as they stand.</summary>
    public static GrammarExpression Both(GrammarExpression expression) => expression switch
    {
        LiteralExpression literal => Express.Concat([.. literal.Text.EnumerateRunes().Select(static rune => Express.Character(Both(CharacterSet.OfCharacters(rune.Value))))]),
        CharacterExpression character => Express.Character(Both(character.Set)),
        SequenceExpression sequence => Express.Concat([.. sequence.Parts.Select(Both)]),
        ChoiceExpression choice => Express.Choice([.. choice.Options.Select(Both)]),
        RepeatExpression repeat => Express.Repeat(Both(repeat.Inner), repeat.Least, repeat.Most),
        _ => throw new InvalidOperationException($"{expression.GetType().Name} is no text and no pattern."),
    };

    private static CharacterSet Both(CharacterSet set)
    {
        var both = set;
        foreach (var (first, last) in set.Ranges)
        {
            both = both.Union(Shifted(first, last, 'A', 'Z', 'a' - 'A')).Union(Shifted(first, last, 'a', 'z', 'A' - 'a'));
        }

        return both;
    }

    private static CharacterSet Shifted(int first, int last, int from, int to, int by)
    {
        var (low, high) = (Math.Max(first, from), Math.Min(last, to));
        return low <= high ? CharacterSet.Of((low + by, high + by)) : CharacterSet.None;
    }
}
