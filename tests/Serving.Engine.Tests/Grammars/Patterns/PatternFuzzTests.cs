using System.Text;
using System.Text.RegularExpressions;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Patterns;
using Xunit;

namespace Serving.Engine.Tests.Grammars.Patterns;

/// <summary>Patterns out of random pieces: they are read or refused, and those that .NET reads as ECMA-262 has them mean the same there.</summary>
public class PatternFuzzTests
{
    private static readonly string[] Pieces =
    [
        "a", "b", "c", "ab", "(", ")", "(?:", "(?<n>", "|", "*", "+", "?", "{2}", "{1,3}", "{0,}", "{", "}", "[", "]", "[^", "[ab]", "[a-c]", "-", "^", "$", ".", "\\d", "\\w",
        "\\W", "\\S", "\\", "\\u0061", "\\x62", "\\u{63}", "\\p{L}", "\\1", "(?=", "\\b", "\uD800", "\U0001F600", "\0", "9", ",", " ",
    ];

    [Fact]
    public void Read_OfRandomPieces_RefusesOrReads()
    {
        var random = new Random(11);
        var read = 0;
        for (var round = 0; round < 30_000; round++)
        {
            read += TryRead(Random(random, Pieces, 14)) is null ? 0 : 1;
        }

        Assert.InRange(read, 1_000, 29_000);
    }

    [Fact]
    public void Read_OfRandomPieces_MeansWhatDotNetMeans()
    {
        string[] pieces = ["a", "b", "c", "(?:", "(", ")", ")", "|", "*", "+", "?", "{2}", "{1,3}", "[ab]", "[^a]", "[a-c]", ".", "\\d", "\\w"];
        string[] letters = ["a", "b", "c", "1"];
        var random = new Random(12);
        var compared = 0;
        for (var round = 0; round < 4_000; round++)
        {
            var pattern = Random(random, pieces, 8);
            if (TryRead(pattern) is not { } expression)
            {
                continue;
            }

            // The patterns are the test's own and short; a time limit of the other engine says nothing about this one.
            var other = new Regex($"^(?:{pattern})$", RegexOptions.ECMAScript);
            var grammar = CompiledGrammar.Compile(new Grammar(expression, []));
            for (var i = 0; i < 20; i++)
            {
                var text = Random(random, letters, 7);
                Assert.True(other.IsMatch(text) == TextMatcher.Accepts(grammar, text), $"{pattern} and {text}");
                Assert.Equal(other.IsMatch(text), new ExpressionTest().Contains(expression, text));
                compared++;
            }
        }

        Assert.True(compared > 10_000, $"only {compared} texts were compared");
    }

    [Fact]
    public void Test_OfAHostilePattern_EndsByItsBudget()
    {
        var pattern = "(a*b?)*";
        for (var i = 0; i < 60; i++)
        {
            pattern = $"({pattern}c?)*";
        }

        var expression = PatternReader.ReadWhole(pattern, "pattern");
        Assert.Throws<GrammarException>(() => new ExpressionTest().Contains(expression, new string('a', 2000)));
    }

    private static GrammarExpression? TryRead(string pattern)
    {
        try
        {
            PatternReader.ReadSearch(pattern, "pattern");
            return PatternReader.ReadWhole(pattern, "pattern");
        }
        catch (GrammarException)
        {
            return null;
        }
    }

    private static string Random(Random random, string[] pieces, int most)
    {
        var result = new StringBuilder();
        for (var i = random.Next(most); i >= 0; i--)
        {
            result.Append(pieces[random.Next(pieces.Length)]);
        }

        return result.ToString();
    }
}
