namespace Serving.Engine.Grammars.Expressions;

/// <summary>Makes expressions in their simplest form: nothing is nested that need not be, and what cannot be is gone.</summary>
public static class Express
{
    /// <summary>Every text.</summary>
    public static GrammarExpression AnyText { get; } = new RepeatExpression(new CharacterExpression(CharacterSet.All), 0, null);

    /// <summary>One text.</summary>
    public static GrammarExpression Text(string text) => text.Length == 0 ? GrammarExpression.Empty : new LiteralExpression(text);

    /// <summary>One character out of a set.</summary>
    public static GrammarExpression Character(CharacterSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        return set.IsEmpty ? GrammarExpression.Never : new CharacterExpression(set);
    }

    /// <summary>One character out of some ranges, given as pairs: <c>"09af"</c> is 0 to 9 and a to f.</summary>
    public static GrammarExpression Range(string pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        return Character(CharacterSet.Of([.. pairs.Chunk(2).Select(pair => ((int)pair[0], (int)pair[1]))]));
    }

    /// <summary>One after the other.</summary>
    public static GrammarExpression Concat(params IReadOnlyList<GrammarExpression> parts)
    {
        var flat = new List<GrammarExpression>();
        foreach (var part in parts)
        {
            if (IsNever(part))
            {
                return GrammarExpression.Never;
            }

            if (part is SequenceExpression inner)
            {
                flat.AddRange(inner.Parts);
            }
            else
            {
                flat.Add(part);
            }
        }

        return flat.Count == 1 ? flat[0] : new SequenceExpression(flat);
    }

    /// <summary>One of several.</summary>
    public static GrammarExpression Choice(params IReadOnlyList<GrammarExpression> options)
    {
        var flat = new List<GrammarExpression>();
        var seen = new HashSet<GrammarExpression>();
        foreach (var option in options)
        {
            foreach (var part in option is ChoiceExpression inner ? inner.Options : [option])
            {
                if (seen.Add(part))
                {
                    flat.Add(part);
                }
            }
        }

        return flat.Count == 1 ? flat[0] : new ChoiceExpression(flat);
    }

    /// <summary>Something or nothing.</summary>
    public static GrammarExpression Optional(GrammarExpression inner) => Choice(GrammarExpression.Empty, inner);

    /// <summary>Something several times.</summary>
    public static GrammarExpression Repeat(GrammarExpression inner, int least, int? most) =>
        most == 0 || IsEmpty(inner) || (IsNever(inner) && least == 0) ? GrammarExpression.Empty
        : IsNever(inner) || least > most ? GrammarExpression.Never
        : least == 1 && most == 1 ? inner
        : new RepeatExpression(inner, least, most);

    /// <summary>Whether it is the empty text by its form.</summary>
    public static bool IsEmpty(GrammarExpression expression) => expression is SequenceExpression { Parts.Count: 0 };

    /// <summary>Whether it is no text by its form.</summary>
    public static bool IsNever(GrammarExpression expression) =>
        expression is ChoiceExpression { Options.Count: 0 } or CharacterExpression { Set.IsEmpty: true };
}
