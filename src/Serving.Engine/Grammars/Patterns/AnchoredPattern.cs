using Serving.Engine.Grammars.Expressions;

namespace Serving.Engine.Grammars.Patterns;

/// <summary>
/// A part of a pattern, apart by what <c>^</c> and <c>$</c> ask of it: what may stand anywhere, what has to begin the text, what has to end it, and what
/// has to do both. So anchors work wherever they stand at the edge of an alternative, in groups too.
/// </summary>
internal sealed class AnchoredPattern
{
    private const int Begins = 1;
    private const int Ends = 2;
    private const int Variants = 4;

    private readonly GrammarExpression[] _variants = [GrammarExpression.Never, GrammarExpression.Never, GrammarExpression.Never, GrammarExpression.Never];

    /// <summary><c>^</c>.</summary>
    public static AnchoredPattern Beginning { get; } = Of(Begins, GrammarExpression.Empty);

    /// <summary><c>$</c>.</summary>
    public static AnchoredPattern End { get; } = Of(Ends, GrammarExpression.Empty);

    /// <summary>Whether nothing in it asks for a place.</summary>
    public bool IsFree => !Kinds().Any(kind => kind != 0);

    /// <summary>What it is where nothing in it asks for a place.</summary>
    public GrammarExpression Free => _variants[0];

    /// <summary>A part that may stand anywhere.</summary>
    public static AnchoredPattern Of(GrammarExpression expression) => Of(0, expression);

    /// <summary>One of several.</summary>
    public static AnchoredPattern Choice(IReadOnlyList<AnchoredPattern> options)
    {
        var result = new AnchoredPattern();
        for (var kind = 0; kind < Variants; kind++)
        {
            result._variants[kind] = Express.Choice([.. options.Select(option => option._variants[kind])]);
        }

        return result;
    }

    /// <summary>This part and another one behind it; null when an anchor would have to hold in the middle.</summary>
    public AnchoredPattern? Then(AnchoredPattern next)
    {
        var options = new List<AnchoredPattern>();
        foreach (var kind in Kinds())
        {
            foreach (var other in next.Kinds())
            {
                var (first, second) = (_variants[kind], next._variants[other]);
                if (((other & Begins) != 0 && !Express.IsEmpty(first)) || ((kind & Ends) != 0 && !Express.IsEmpty(second)))
                {
                    return null;
                }

                options.Add(Of(kind | other, Express.Concat(first, second)));
            }
        }

        return Choice(options);
    }

    /// <summary>The texts that match as a whole.</summary>
    public GrammarExpression Whole() => Express.Choice(_variants);

    /// <summary>The texts that hold a match somewhere.</summary>
    public GrammarExpression Somewhere() => Express.Choice([.. Kinds().Select(kind => Express.Concat(
        (kind & Begins) != 0 ? GrammarExpression.Empty : Express.AnyText,
        _variants[kind],
        (kind & Ends) != 0 ? GrammarExpression.Empty : Express.AnyText))]);

    private static AnchoredPattern Of(int kind, GrammarExpression expression)
    {
        var result = new AnchoredPattern();
        result._variants[kind] = expression;
        return result;
    }

    private IEnumerable<int> Kinds() => Enumerable.Range(0, Variants).Where(kind => !Express.IsNever(_variants[kind]));
}
