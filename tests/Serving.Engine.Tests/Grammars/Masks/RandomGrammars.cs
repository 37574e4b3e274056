using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using static Serving.Engine.Tests.Grammars.Automata.Expressions;

namespace Serving.Engine.Tests.Grammars.Masks;

/// <summary>Small grammars over a few letters, with everything that expressions have.</summary>
internal static class RandomGrammars
{
    private const string Letters = "ab \u00e9";

    /// <summary>A grammar.</summary>
    public static Grammar Next(Random random)
    {
        var builder = new GrammarBuilder();
        var rules = Enumerable.Range(0, random.Next(1, 4)).Select(_ => builder.Announce()).ToArray();
        foreach (var rule in rules)
        {
            builder.Define(rule, Expression(random, rules, 4));
        }

        return builder.Build(Expression(random, rules, 3));
    }

    /// <summary>A text of k times an a can be read in three to the power of k ways, and none is known to be wrong before the last letter.</summary>
    public static Grammar Ambiguous()
    {
        var builder = new GrammarBuilder();
        RuleExpression[] rules = [builder.Announce(), builder.Announce(), builder.Announce()];
        var inner = Either(Text("a"), Then(rules[0], Text("x")), Then(rules[1], Text("y")), Then(rules[2], Text("z")));
        foreach (var rule in rules)
        {
            builder.Define(rule, Then(Text("a"), inner));
        }

        return builder.Build(rules[0]);
    }

    /// <summary>The grammar compiled; null when it has no text or begins with itself.</summary>
    public static CompiledGrammar? TryCompile(Grammar grammar)
    {
        try
        {
            return CompiledGrammar.Compile(grammar);
        }
        catch (GrammarException)
        {
            return null;
        }
    }

    private static GrammarExpression Expression(Random random, RuleExpression[] rules, int depth)
    {
        if (depth == 0)
        {
            return random.Next(3) == 0 && rules.Length > 0 ? rules[random.Next(rules.Length)] : Text(Word(random));
        }

        return random.Next(9) switch
        {
            0 or 1 => Then([.. Some(random, rules, depth)]),
            2 or 3 => Either([.. Some(random, rules, depth)]),
            4 => Many(Expression(random, rules, depth - 1), random.Next(2), random.Next(2) == 0 ? null : random.Next(2, 4)),
            5 => One((random.Next('a', 'c'), 'c'), (0xE0, 0xF0)),
            6 => new BothExpression(Expression(random, [], depth - 1), Expression(random, [], depth - 1)),
            7 => new ExceptExpression(Many(One(('a', 'b'), (' ', ' '))), Expression(random, [], depth - 1)),
            _ => Expression(random, rules, 0),
        };
    }

    private static IEnumerable<GrammarExpression> Some(Random random, RuleExpression[] rules, int depth) =>
        Enumerable.Range(0, random.Next(1, 4)).Select(_ => Expression(random, rules, depth - 1));

    private static string Word(Random random) => string.Concat(Enumerable.Range(0, random.Next(3)).Select(_ => Letters[random.Next(Letters.Length)]));
}
