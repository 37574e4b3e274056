using System.Text;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Notations;
using static Serving.Engine.Tests.Grammars.Automata.Expressions;

namespace Serving.Engine.Tests.Grammars.Notations;

/// <summary>Rules that begin with themselves and each other, rewritten: the texts stay the same, found by writing out all short ones.</summary>
public sealed class LeftRecursionRemovalTests
{
    private const int Longest = 5;

    [Fact]
    public void Run_OverRandomRules_KeepsEveryText()
    {
        var random = new Random(5);
        var (compared, recursive, refused, ambiguous) = (0, 0, 0, 0);
        for (var round = 0; round < 3_000; round++)
        {
            var rules = Rules(random);
            var texts = Texts(rules);
            recursive += new Beginnings(rules).Circles().Count > 0 ? 1 : 0;
            if (TryCompile(rules) is not { } grammar)
            {
                // Nothing to say, or a beginning that stays hidden behind what may be empty.
                refused += texts[0].Count > 0 ? 1 : 0;
                continue;
            }

            foreach (var text in All())
            {
                if (Accepts(grammar, text) is not { } accepted)
                {
                    ambiguous++;
                    continue;
                }

                Assert.True(texts[0].Contains(text) == accepted, $"{Written(rules)}: {text} is {(texts[0].Contains(text) ? "refused" : "accepted")}");
                compared++;
            }
        }

        Assert.True(recursive > 1_000, $"{recursive} grammars begin with themselves");
        Assert.True(refused < 300, $"{refused} grammars were refused");
        Assert.True(compared > 60_000, $"{compared} texts were compared");
        Assert.True(ambiguous * 10 < compared, $"{ambiguous} texts can be read in more ways than are followed");
    }

    [Theory]
    [InlineData("root ::= root \"a\" | \"x\"? \"x\"? \"b\"", "xxbaa", "a")]
    [InlineData("root ::= \"c\"? root \"a\" | \"b\"", "ccbaaa", "cca")]
    [InlineData("root ::= a \"x\" | \"r\"\na ::= b \"y\" | root\nb ::= a \"z\" | \"b\"", "rxx", "rx zx")]
    [InlineData("root ::= (root \"a\")* \"b\"", "babab", "bba a")]
    [InlineData("root ::= ws root \"a\" | \"b\"\nws ::= \" \"*", " b a"
        , "ba b")]
    public void Run_OverAKindOfBeginning_KeepsItsTexts(string grammar, string first, string refused)
    {
        var compiled = Notation.Compile(grammar);
        Assert.False(TextMatcher.Accepts(compiled, refused));
        Assert.Equal(!first.Contains(" a", StringComparison.Ordinal), TextMatcher.Accepts(compiled, first));
    }

    [Fact]
    public void Run_OverARowOfThousandsOfRules_NeedsNoStack()
    {
        var text = new StringBuilder("root ::= r0\n");
        for (var i = 0; i < 5_000; i++)
        {
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"r{i} ::= r{i + 1} \"a\" | \"b\"\n");
        }

        // It is read; to follow so many beginnings at once is too much.
        var matcher = new TextMatcher(Notation.Compile(text + "r5000 ::= \"c\""));
        Assert.True(matcher.IsTooAmbiguous);
    }

    [Fact]
    public void Run_OverManyThatMayBeEmpty_EndsByItsBudget() =>
        Notation.Refused("root ::= root \"a\" | " + string.Concat(Enumerable.Repeat("\"x\"? ", 8_000)) + "root");

    // Null where there are more ways of reading it than are followed.
    private static bool? Accepts(CompiledGrammar grammar, string text)
    {
        var matcher = new TextMatcher(grammar);
        var goesOn = !text.Any(character => !matcher.Take((byte)character));
        return matcher.IsTooAmbiguous ? null : goesOn && matcher.IsComplete;
    }

    private static string Written(Dictionary<int, GrammarExpression> rules) => string.Join("; ", rules.Select(rule => $"{rule.Key} = {Written(rule.Value)}"));

    private static string Written(GrammarExpression expression) => expression switch
    {
        LiteralExpression literal => $"'{literal.Text}'",
        CharacterExpression => "[ab]",
        RuleExpression rule => $"<{rule.Rule}>",
        ChoiceExpression choice => $"({string.Join(" | ", choice.Options.Select(Written))})",
        SequenceExpression sequence => $"({string.Join(" ", sequence.Parts.Select(Written))})",
        RepeatExpression repeat => $"{Written(repeat.Inner)}{{{repeat.Least},{repeat.Most}}}",
        _ => "?",
    };

    private static Dictionary<int, GrammarExpression> Rules(Random random)
    {
        var count = random.Next(1, 4);
        return Enumerable.Range(0, count).ToDictionary(rule => rule, _ => Either([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Expression(random, count, 2))]));
    }

    private static GrammarExpression Expression(Random random, int rules, int depth) => random.Next(depth == 0 ? 4 : 8) switch
    {
        0 => Text("a"),
        1 => Text("b"),
        2 => One(('a', 'b')),
        3 => new RuleExpression(random.Next(rules)),
        4 => Either(Expression(random, rules, depth - 1), GrammarExpression.Empty),
        5 => Many(Expression(random, rules, depth - 1), random.Next(2), random.Next(3) == 0 ? 2 : null),
        _ => Then(Expression(random, rules, depth - 1), Expression(random, rules, depth - 1)),
    };

    private static CompiledGrammar? TryCompile(Dictionary<int, GrammarExpression> rules)
    {
        var builder = new GrammarBuilder();
        foreach (var _ in rules)
        {
            builder.Announce();
        }

        try
        {
            foreach (var (rule, expression) in new LeftRecursionRemoval(rules, builder).Run())
            {
                builder.Define(new RuleExpression(rule), expression);
            }

            return CompiledGrammar.Compile(builder.Build(new RuleExpression(0)));
        }
        catch (GrammarException)
        {
            return null;
        }
    }

    // Every rule's texts of so many letters, out of those of the round before until none is new.
    private static Dictionary<int, HashSet<string>> Texts(Dictionary<int, GrammarExpression> rules)
    {
        var texts = rules.ToDictionary(rule => rule.Key, _ => new HashSet<string>());
        for (var grown = true; grown;)
        {
            grown = false;
            foreach (var (rule, expression) in rules)
            {
                var before = texts[rule].Count;
                texts[rule].UnionWith(Texts(expression, texts));
                grown |= texts[rule].Count > before;
            }
        }

        return texts;
    }

    private static HashSet<string> Texts(GrammarExpression expression, Dictionary<int, HashSet<string>> rules) => expression switch
    {
        LiteralExpression literal => [literal.Text],
        CharacterExpression => ["a", "b"],
        RuleExpression rule => [.. rules[rule.Rule]],
        ChoiceExpression choice => [.. choice.Options.SelectMany(option => Texts(option, rules))],
        SequenceExpression sequence => sequence.Parts.Aggregate(new HashSet<string> { "" }, (before, part) => Joined(before, Texts(part, rules))),
        RepeatExpression repeat => Repeated(Texts(repeat.Inner, rules), repeat),
        _ => throw new ArgumentException("Unknown expression.", nameof(expression)),
    };

    private static HashSet<string> Repeated(HashSet<string> inner, RepeatExpression repeat)
    {
        var (power, all) = (new HashSet<string> { "" }, new HashSet<string>());
        for (var times = 0; times <= (repeat.Most ?? Longest + 1); times++)
        {
            if (times >= repeat.Least)
            {
                all.UnionWith(power);
            }

            power = Joined(power, inner);
        }

        return all;
    }

    private static HashSet<string> Joined(HashSet<string> first, HashSet<string> second) =>
        [.. first.SelectMany(before => second.Select(behind => before + behind)).Where(text => text.Length <= Longest)];

    private static IEnumerable<string> All() =>
        Enumerable.Range(0, Longest + 1).SelectMany(length => Enumerable.Range(0, 1 << length).Select(bits => string.Concat(Enumerable.Range(0, length).Select(i => (bits >> i & 1) == 0 ? 'a' : 'b'))));
}
