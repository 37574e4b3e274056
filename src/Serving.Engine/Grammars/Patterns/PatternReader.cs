using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Patterns;

/// <summary>
/// Reads regular expressions of ECMA-262 with the flag u, as JSON Schema has them; where web browsers are laxer and only one meaning is possible (a lone
/// brace, an escaped punctuation mark) as they are. Not done, because they are no regular sets or hardly ever wanted: references to groups,
/// lookaround, word boundaries, flags, scripts, anchors in the middle. Lazy quantifiers mean the same texts as the others.
/// </summary>
public static class PatternReader
{
    /// <summary>The texts that match as a whole.</summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="field">Where it stands, for the messages.</param>
    /// <param name="dotIsAll">Whether a dot is any character, line ends too (the flag s).</param>
    /// <exception cref="GrammarException">It is malformed, too large, or not done.</exception>
    public static GrammarExpression ReadWhole(string pattern, string field, bool dotIsAll = false) => Checked(Read(pattern, field, dotIsAll).Whole(), field);

    /// <summary>The texts in which it matches somewhere.</summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="field">Where it stands, for the messages.</param>
    /// <exception cref="GrammarException">It is malformed, too large, or not done.</exception>
    public static GrammarExpression ReadSearch(string pattern, string field) => Checked(Read(pattern, field).Somewhere(), field);

    private static AnchoredPattern Read(string pattern, string field, bool dotIsAll = false)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        if (pattern.Length > PatternLimits.Length)
        {
            throw new GrammarException($"{field}: the pattern has {pattern.Length} characters; {PatternLimits.Length} are the most.");
        }

        var cursor = new PatternCursor(pattern, field, dotIsAll);
        var result = ReadChoice(cursor, 0);
        return cursor.IsAtEnd ? result : throw cursor.Malformed("a parenthesis too many");
    }

    private static AnchoredPattern ReadChoice(PatternCursor cursor, int depth)
    {
        if (depth > PatternLimits.Depth)
        {
            throw cursor.Malformed($"groups are nested more than {PatternLimits.Depth} deep");
        }

        var options = new List<AnchoredPattern> { ReadSequence(cursor, depth) };
        while (cursor.Take("|"))
        {
            options.Add(ReadSequence(cursor, depth));
        }

        return AnchoredPattern.Choice(options);
    }

    private static AnchoredPattern ReadSequence(PatternCursor cursor, int depth)
    {
        // Parts without anchors are gathered first, so that a long run of characters is one sequence and not many in each other.
        var result = AnchoredPattern.Of(GrammarExpression.Empty);
        var run = new List<GrammarExpression>();
        while (!cursor.IsAtEnd && cursor.Next is not ('|' or ')'))
        {
            var part = ReadRepeated(cursor, depth);
            if (part.IsFree)
            {
                run.Add(part.Free);
                continue;
            }

            result = Join(Join(result, AnchoredPattern.Of(Express.Concat(run)), cursor), part, cursor);
            run.Clear();
        }

        return Join(result, AnchoredPattern.Of(Express.Concat(run)), cursor);
    }

    private static AnchoredPattern Join(AnchoredPattern first, AnchoredPattern second, PatternCursor cursor) =>
        first.Then(second) ?? throw cursor.NotDone("an anchor that is not at the edge of an alternative, before");

    private static AnchoredPattern ReadRepeated(PatternCursor cursor, int depth)
    {
        var atom = ReadAtom(cursor, depth);
        if (ReadQuantifier(cursor) is not { } times)
        {
            return atom;
        }

        cursor.Take("?");
        if (cursor.Next is '+' or '*' or '?' || (cursor.Next == '{' && IsQuantifier(cursor)))
        {
            throw cursor.Malformed("a quantifier has nothing to repeat");
        }

        return atom.IsFree ? AnchoredPattern.Of(Express.Repeat(atom.Free, times.Least, times.Most)) : throw cursor.NotDone("an anchor under a quantifier");
    }

    private static (int Least, int? Most)? ReadQuantifier(PatternCursor cursor)
    {
        if (cursor.Take("*"))
        {
            return (0, null);
        }

        if (cursor.Take("+"))
        {
            return (1, null);
        }

        return cursor.Take("?") ? (0, 1) : ReadBraces(cursor);
    }

    private static (int Least, int? Most)? ReadBraces(PatternCursor cursor)
    {
        var start = cursor.At;
        if (!cursor.Take("{") || cursor.TakeNumber() is not { } least)
        {
            cursor.Return(start);
            return null;
        }

        int? most = cursor.Take(",") ? cursor.TakeNumber() : least;
        if (!cursor.Take("}"))
        {
            cursor.Return(start);
            return null;
        }

        if (least > PatternLimits.Repeats || most > PatternLimits.Repeats)
        {
            throw cursor.Malformed($"more than {PatternLimits.Repeats} repeats");
        }

        return least <= (most ?? least) ? (least, most) : throw cursor.Malformed("a quantifier's numbers are out of order");
    }

    private static bool IsQuantifier(PatternCursor cursor)
    {
        var start = cursor.At;
        var stands = ReadBraces(cursor) is not null;
        cursor.Return(start);
        return stands;
    }

    private static AnchoredPattern ReadAtom(PatternCursor cursor, int depth)
    {
        switch (cursor.Next)
        {
            case '^':
                cursor.Take("^");
                return AnchoredPattern.Beginning;
            case '$':
                cursor.Take("$");
                return AnchoredPattern.End;
            case '(':
                return ReadGroup(cursor, depth);
            case '*' or '+' or '?':
                throw cursor.Malformed("a quantifier has nothing to repeat");
            case '{' when IsQuantifier(cursor):
                throw cursor.Malformed("a quantifier has nothing to repeat");
            default:
                return AnchoredPattern.Of(Express.Character(PatternClasses.Read(cursor)));
        }
    }

    private static AnchoredPattern ReadGroup(PatternCursor cursor, int depth)
    {
        if (cursor.Ahead(1) == '?' && cursor.Ahead(2) != ':')
        {
            ReadGroupName(cursor);
        }
        else if (!cursor.Take("(?:"))
        {
            cursor.Take("(");
        }

        var inner = ReadChoice(cursor, depth + 1);
        return cursor.Take(")") ? inner : throw cursor.Malformed("a parenthesis is not closed");
    }

    private static void ReadGroupName(PatternCursor cursor)
    {
        if (cursor.Ahead(2) is '=' or '!' || (cursor.Ahead(2) == '<' && cursor.Ahead(3) is '=' or '!'))
        {
            throw cursor.NotDone("lookaround");
        }

        if (!cursor.Take("(?<"))
        {
            throw cursor.NotDone("a group with flags");
        }

        for (var first = true; first || !cursor.Take(">"); first = false)
        {
            var character = cursor.TakeCharacter();
            if (character is not ('_' or '$') && !System.Text.Rune.IsLetterOrDigit(new System.Text.Rune(character)))
            {
                throw cursor.Malformed("a group's name");
            }
        }
    }

    private static GrammarExpression Checked(GrammarExpression expression, string field) => Weight(expression) <= PatternLimits.Weight
        ? expression
        : throw new GrammarException($"{field}: the pattern is too large: with every repeat written out it has more than {PatternLimits.Weight} characters.");

    private static long Weight(GrammarExpression expression) => Math.Min(int.MaxValue, expression switch
    {
        SequenceExpression sequence => sequence.Parts.Sum(Weight),
        ChoiceExpression choice => choice.Options.Sum(Weight),
        RepeatExpression repeat => Weight(repeat.Inner) * (repeat.Most ?? Math.Max(repeat.Least, 1)),
        _ => 1,
    });
}
