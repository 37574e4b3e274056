using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Patterns;
using Xunit;

namespace Serving.Engine.Tests.Grammars.Patterns;

public class PatternReaderTests
{
    [Theory]
    [InlineData("abc", "abc", "ab abcd xabc")]
    [InlineData("", "", "a")]
    [InlineData("a|bc|", "a bc ", "b abc")]
    [InlineData("a*b+c?", "b aab abbc", "a ac abcc")]
    [InlineData("a*?b+?c??", "b aab abbc", "a ac abcc")]
    [InlineData("a{2}b{1,}c{0,2}", "aab aabbcc aabc", "ab aabccc aaab")]
    [InlineData("a{0}b", "b", "ab")]
    [InlineData("(ab)+(?:cd)?(?<name>e)", "abe ababcde", "ab abcd")]
    [InlineData("[a-cx]", "a b c x", "d - ")]
    [InlineData("[^a-c]", "d \u00e9 \U0001F600", "a b ")]
    [InlineData("[]", null, "a ")]
    [InlineData("[^]", "a \u00e9", "aa")]
    [InlineData("[-a][a-][\\w-.]", "-a. aa_ a--", "ba.")]
    [InlineData("[\\]\\-\\\\^]", "] - \\ ^", "a")]
    [InlineData("[[]", "[", "]")]
    [InlineData(".", "a \u00e9 \U0001F600", "\n \r \u2028 aa")]
    [InlineData("\\d\\D", "1a 2\u0663", "\u0663a 11")]
    [InlineData("\\w\\W", "a- _\u00e9", "\u00e9a --")]
    [InlineData("\\S", "a 0", "\u00a0 \ufeff")]
    [InlineData("\\t\\n\\r\\f\\v\\0\\x41\\u00e9\\u{1F600}\\uD83D\\uDE00\\cA", "\t\n\r\f\v\0A\u00e9\U0001F600\U0001F600\u0001", "t")]
    [InlineData("\\.\\/\\-\\@\\{\\}", "./-@{}", "a")]
    [InlineData("a{b}{,2}{", "a{b}{,2}{", "ab")]
    [InlineData("\\p{Lu}\\p{Ll}\\p{L}", "Aa\u00e9 \u00c9\u00e9\u4e00", "aaa AA1")]
    [InlineData("\\P{Letter}\\p{gc=Nd}\\p{digit}\\p{General_Category=Uppercase_Letter}", "-1\u0663A", "a11A")]
    [InlineData("[\\p{L}\\d_]+", "\u00e9\u4e00_9", "a-b ")]
    [InlineData("^a$", "a", "aa ")]
    [InlineData("^(a|^b)$|c$", "a b c", "ab bc")]
    [InlineData("\U0001F600*", "\U0001F600\U0001F600", "\U0001F601")]
    [InlineData("(a|b(c|d(e)))", "a bc bde", "b bd")]
    [InlineData("((a*)*b?)*", "aabaa bbb a", "c ac")]
    [InlineData("$^", "", "a")]
    public void ReadWhole_OfAPattern_TakesTheWholeTextsThatMatch(string pattern, string? taken, string? refused) =>
        Check(PatternReader.ReadWhole(pattern, "regex"), taken, refused);

    [Theory]
    [InlineData("b", "b abc bb", "a ")]
    [InlineData("^b", "b bc", "ab ")]
    [InlineData("b$", "b ab", "ba b\n")]
    [InlineData("^b$", "b", "ab ba")]
    [InlineData("^a|b$|c", "ab ax xb xcx", "xax bx")]
    [InlineData("(^a|b)c", "ac xbc bcx", "xac a")]
    [InlineData("a(,|$)", "a xa a,b", "ab")]
    [InlineData("^", "a ", null)]
    [InlineData("^$", "", "a")]
    [InlineData("", "a ", null)]
    public void ReadSearch_OfAPattern_TakesTheTextsThatHoldAMatch(string pattern, string taken, string? refused) =>
        Check(PatternReader.ReadSearch(pattern, "pattern"), taken, refused);

    [Theory]
    [InlineData("(", "malformed at position 1")]
    [InlineData("ab)", "malformed at position 2")]
    [InlineData("[a", "malformed at position 2")]
    [InlineData("*a", "malformed at position 0")]
    [InlineData("a**", "malformed at position 2")]
    [InlineData("a{2}{3}", "malformed at position 4")]
    [InlineData("a++", "malformed at position 2")]
    [InlineData("a{3,2}", "out of order")]
    [InlineData("[b-a]", "out of order")]
    [InlineData("a{10001}", "10000 repeats")]
    [InlineData("a{99999999999999999999}", "10000 repeats")]
    [InlineData("(a{1000}){1000}", "too large")]
    [InlineData("\\", "ends early")]
    [InlineData("\\xZZ", "hexadecimal digit")]
    [InlineData("\\u{110000}", "code")]
    [InlineData("\\uD83D", "half a character")]
    [InlineData("\\a", "no escape \\a")]
    [InlineData("\\Z", "no escape \\Z")]
    [InlineData("(?<a b>c)", "name")]
    public void Read_OfAMalformedPattern_SaysWhere(string pattern, string expected)
    {
        var exception = Assert.Throws<GrammarException>(() => PatternReader.ReadWhole(pattern, "regex"));
        Assert.False(exception.IsNotSupported);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.StartsWith("regex: ", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a(?=b)", "lookaround at position 1")]
    [InlineData("(?<!b)a", "lookaround at position 0")]
    [InlineData("(?i)a", "flags at position 0")]
    [InlineData("(?i:a)", "flags at position 0")]
    [InlineData("(a)\\1", "reference to a group at position 3")]
    [InlineData("\\k<a>", "reference to a group at position 0")]
    [InlineData("\\ba", "word boundary at position 0")]
    [InlineData("a^b", "anchor")]
    [InlineData("a$b", "anchor")]
    [InlineData("(^a)*", "anchor under a quantifier")]
    [InlineData("\\p{Script=Greek}", "property of characters")]
    public void Read_OfWhatIsNotDone_SaysSoAndWhere(string pattern, string expected)
    {
        var exception = Assert.Throws<GrammarException>(() => PatternReader.ReadWhole(pattern, "regex"));
        Assert.True(exception.IsNotSupported);
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OfNestedGroups_IsBounded()
    {
        static string Nested(int depth) => new string('(', depth) + "a" + new string(')', depth);
        Check(PatternReader.ReadWhole(Nested(PatternLimits.Depth), "regex"), "a", "b");
        Assert.Throws<GrammarException>(() => PatternReader.ReadWhole(Nested(PatternLimits.Depth + 1), "regex"));
        Assert.Throws<GrammarException>(() => PatternReader.ReadWhole(new string('a', PatternLimits.Length + 1), "regex"));
        Assert.Throws<GrammarException>(() => PatternReader.ReadWhole("a\uD83D", "regex"));
    }

    /// <summary>The few texts that a schema holds itself are tested without an automaton: both have to say the same.</summary>
    private static void Check(GrammarExpression expression, string? taken, string? refused)
    {
        var grammar = Express.IsNever(expression) ? null : CompiledGrammar.Compile(new Grammar(expression, []));
        foreach (var (text, expected) in Texts(taken, true).Concat(Texts(refused, false)))
        {
            Assert.True(expected == (grammar is not null && TextMatcher.Accepts(grammar, text)), $"'{text}' must be {(expected ? "taken" : "refused")}");
            Assert.Equal(expected, new ExpressionTest().Contains(expression, text));
        }

        static IEnumerable<(string, bool)> Texts(string? list, bool expected) => list is null ? [] : list.Split(' ').Select(text => (text, expected));
    }
}
