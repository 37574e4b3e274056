using System.Text;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Tests.Grammars.Masks;
using static Serving.Engine.Tests.Grammars.Automata.Expressions;

namespace Serving.Engine.Tests.Grammars.Automata;

public class TextMatcherTests
{
    private static readonly GrammarExpression Digit = One(('0', '9'));

    [Theory]
    [InlineData("", false)]
    [InlineData("ab", true)]
    [InlineData("abab", true)]
    [InlineData("ababab", false)]
    [InlineData("aba", false)]
    public void Repeat_BetweenTwoCounts_TakesNoFewerAndNoMore(string text, bool accepted) => Check(Many(Text("ab"), 1, 2), text, accepted);

    [Theory]
    [InlineData("", true)]
    [InlineData("aaaab", true)]
    [InlineData("bbb", true)]
    [InlineData("ba", false)]
    public void Repeat_WithoutEnd_ComesBackToItselfAlone(string text, bool accepted) => Check(Then(Many(Text("a")), Many(Text("b"))), text, accepted);

    [Theory]
    [InlineData("x", true)]
    [InlineData("aax", true)]
    [InlineData("ax", false)]
    [InlineData("bx", true)]
    public void Choice_OfARepeatAndAText_MixesNothing(string text, bool accepted) => Check(Then(Either(Many(Text("aa")), Text("b")), Text("x")), text, accepted);

    [Fact]
    public void Character_OfAnySet_TakesItsCharactersAndNoOthers()
    {
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var set = CharacterSet.Of([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Range(random))]);
            var grammar = Compile(new CharacterExpression(set));
            foreach (var character in set.Ranges.SelectMany(range => new[] { range.First - 1, range.First, range.Last, range.Last + 1 })
                .Append(random.Next(CharacterSet.Highest))
                .Where(Rune.IsValid))
            {
                Assert.Equal(set.Contains(character), TextMatcher.Accepts(grammar, new Rune(character).ToString()));
            }
        }

        static (int, int) Range(Random random)
        {
            var top = new[] { 0x100, 0x900, 0x11000, CharacterSet.Highest }[random.Next(4)];
            var (a, b) = (random.Next(top), random.Next(top));
            return (Math.Min(a, b), Math.Max(a, b));
        }
    }

    [Fact]
    public void Character_OfAll_RefusesWhatIsNotUtf8()
    {
        var grammar = Compile(Many(new CharacterExpression(CharacterSet.All)));
        Assert.True(TextMatcher.Accepts(grammar, "a\u00e4\u20ac\U0001F600"));
        Assert.False(TextMatcher.Accepts(grammar, [0xC0, 0x80]));
        Assert.False(TextMatcher.Accepts(grammar, [0xED, 0xA0, 0x80]));
        Assert.False(TextMatcher.Accepts(grammar, [0xF4, 0x90, 0x80, 0x80]));
        Assert.False(TextMatcher.Accepts(grammar, [0xE2, 0x82]));
    }

    [Theory]
    [InlineData("aab", false)]
    [InlineData("aa", true)]
    [InlineData("aaa", false)]
    [InlineData("aaaa", true)]
    [InlineData("aaaaaa", true)]
    public void Both_OfTwoRepeats_TakesWhatBothTake(string text, bool accepted) =>
        Check(new BothExpression(Many(Text("aa")), Many(One(('a', 'b')), 1, 6)), text, accepted);

    [Theory]
    [InlineData("name", false)]
    [InlineData("nam", true)]
    [InlineData("names", true)]
    [InlineData("age", false)]
    [InlineData("", true)]
    [InlineData("\u00e9", true)]
    public void Except_OfSomeTexts_TakesAllOthers(string text, bool accepted) =>
        Check(new ExceptExpression(Many(new CharacterExpression(CharacterSet.All)), Either(Text("name"), Text("age"))), text, accepted);

    [Theory]
    [InlineData("[]", true)]
    [InlineData("[1,[2,[]],3]", true)]
    [InlineData("[1,[2,[]],3", false)]
    [InlineData("[1,]", false)]
    [InlineData("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", true)]
    [InlineData("[]]", false)]
    public void Rule_ThatNamesItself_Nests(string text, bool accepted)
    {
        var builder = new GrammarBuilder();
        var value = builder.Announce();
        var items = Either(GrammarExpression.Empty, Then(value, Many(Then(Text(","), value))));
        builder.Define(value, Either(Many(Digit, 1), Then(Text("["), items, Text("]"))));
        Assert.Equal(accepted, TextMatcher.Accepts(CompiledGrammar.Compile(builder.Build(value)), text));
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true)]
    [InlineData("ab", false)]
    public void Rule_AtItsOwnEnd_TakesItsPlace(string text, bool accepted)
    {
        var builder = new GrammarBuilder();
        var rule = builder.Announce();
        builder.Define(rule, Then(Text("a"), Either(GrammarExpression.Empty, rule)));
        Assert.Equal(accepted, TextMatcher.Accepts(CompiledGrammar.Compile(builder.Build(rule)), text));
    }

    [Fact]
    public void Rules_ThatMayBeEmpty_AreBegunAndEndedWithoutAByte()
    {
        var builder = new GrammarBuilder();
        var space = builder.Add(Many(Text(" ")));
        var both = builder.Add(Then(space, space));
        var grammar = CompiledGrammar.Compile(builder.Build(Then(both, Text("x"), Many(both, 0, 3))));
        Assert.True(TextMatcher.Accepts(grammar, "x"));
        Assert.True(TextMatcher.Accepts(grammar, "   x   "));
        Assert.False(TextMatcher.Accepts(grammar, "xx"));
    }

    [Fact]
    public void Compile_OfARuleThatBeginsWithItself_IsRefused()
    {
        var builder = new GrammarBuilder();
        var (first, second) = (builder.Announce(), builder.Announce());
        var space = builder.Add(Many(Text(" ")));
        builder.Define(first, Either(Text("x"), Then(space, second)));
        builder.Define(second, Then(first, Text("y")));
        Assert.Throws<GrammarException>(() => CompiledGrammar.Compile(builder.Build(first)));
    }

    [Fact]
    public void Compile_OfWhatHasNoText_IsRefused()
    {
        var builder = new GrammarBuilder();
        var rule = builder.Announce();
        builder.Define(rule, Then(Text("["), rule, Text("]")));
        Assert.Throws<GrammarException>(() => CompiledGrammar.Compile(builder.Build(rule)));
        Assert.Throws<GrammarException>(() => Compile(GrammarExpression.Never));
        Assert.Throws<GrammarException>(() => Compile(new BothExpression(Text("a"), Text("b"))));
    }

    [Fact]
    public void Compile_OfAnOptionWithoutAText_LeavesItOut()
    {
        var grammar = Compile(Then(Text("a"), Either(Then(Text("b"), GrammarExpression.Never), Text("c"))));
        var matcher = new TextMatcher(grammar);
        Assert.True(matcher.Take((byte)'a'));
        Assert.False(new TextMatcher(grammar) is var other && other.Take((byte)'a') && other.Take((byte)'b'));
        Assert.True(matcher.Take((byte)'c'));
        Assert.True(matcher is { IsComplete: true, CanContinue: false });
    }

    [Fact]
    public void Compile_OfSmallExpressionsThatExpandWithoutBound_IsRefused()
    {
        Assert.Throws<GrammarException>(() => Compile(Many(Many(Many(Text("abc"), 0, 1000), 0, 1000), 0, 1000)));
        var nested = Text("a");
        for (var i = 0; i < 10_000; i++)
        {
            nested = Then(nested, Text("b"));
        }

        Assert.Throws<GrammarException>(() => Compile(nested));

        // (a|b)*a(a|b){20}: two to the power of 21 sets of states.
        var any = One(('a', 'b'));
        Assert.Throws<GrammarException>(() => Compile(Then(Many(any), Text("a"), Many(any, 20, 20))));
    }

    [Fact]
    public void Take_OfATextThatCanBeReadInTooManyWays_EndsIt()
    {
        var grammar = CompiledGrammar.Compile(RandomGrammars.Ambiguous());
        Assert.True(TextMatcher.Accepts(grammar, "aaaax" + "y"));
        Assert.False(TextMatcher.Accepts(grammar, new string('a', 20) + new string('x', 19)));
    }

    private static CompiledGrammar Compile(GrammarExpression expression) => CompiledGrammar.Compile(new Grammar(expression, []));

    private static void Check(GrammarExpression expression, string text, bool accepted) => Assert.Equal(accepted, TextMatcher.Accepts(Compile(expression), text));
}
