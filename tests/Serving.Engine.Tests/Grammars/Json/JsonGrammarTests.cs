using System.Globalization;
using System.Text.Json;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.Json;
using Xunit;

namespace Serving.Engine.Tests.Grammars.Json;

public class JsonGrammarTests
{
    private static readonly CompiledGrammar Spaced = Compile(JsonStyle.Spaced, static json => json.Value);
    private static readonly CompiledGrammar Compact = Compile(JsonStyle.Compact, static json => json.Value);

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"a":1,"b":[true,false,null],"c":{"d":""}}""")]
    [InlineData("""["\"\\\/\b\f\n\r\t\u0000\u00e9\uFFFF\ud83d\uDE00é😀"]""")]
    [InlineData("[0,-1,12,0.5,-0.25,1e5,1E+05,2.5e-299]")]
    [InlineData("\"\u007f\u2028\"")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]")]
    public void Value_OfJson_IsTakenInBothStyles(string text)
    {
        Assert.True(TextMatcher.Accepts(Spaced, text));
        Assert.True(TextMatcher.Accepts(Compact, text));
    }

    [Theory]
    [InlineData("{\"a\": 1, \"b\": [1, 2]}")]
    [InlineData("{\n  \"a\": {\n    \"b\": []\n  }\n}")]
    [InlineData("[\n\t1,\n\t2\n]")]
    [InlineData("{ \"a\": 1 }")]
    public void Value_WithWhiteSpace_IsTakenInTheSpacedStyleAlone(string text)
    {
        Assert.True(TextMatcher.Accepts(Spaced, text));
        Assert.False(TextMatcher.Accepts(Compact, text));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" 1")]
    [InlineData("1 ")]
    [InlineData("[1 ,2]")]
    [InlineData("{\"a\" :1}")]
    [InlineData("{\"a\":  1}")]
    [InlineData("[  1]")]
    [InlineData("[\n\n1]")]
    [InlineData("[1,]")]
    [InlineData("{\"a\"}")]
    [InlineData("{a:1}")]
    [InlineData("01")]
    [InlineData("+1")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("1e")]
    [InlineData("1e300")]
    [InlineData("1234567890123456789")]
    [InlineData("\"\\ud83d\"")]
    [InlineData("\"\\ude00\"")]
    [InlineData("\"\\ud83dx\"")]
    [InlineData("\"\\a\"")]
    [InlineData("\"\n\"")]
    [InlineData("\"")]
    [InlineData("nul")]
    [InlineData("[]]")]
    public void Value_OfWhatIsNotJsonOrTooSpacious_IsRefused(string text) => Assert.False(TextMatcher.Accepts(Spaced, text));

    [Fact]
    public void Gap_IsBounded()
    {
        Assert.True(TextMatcher.Accepts(Spaced, $"[\n{new string(' ', JsonGrammar.MaxIndent)}1]"));
        Assert.False(TextMatcher.Accepts(Spaced, $"[\n{new string(' ', JsonGrammar.MaxIndent + 1)}1]"));
        Assert.True(TextMatcher.Accepts(Spaced, $"[\n{new string('\t', JsonGrammar.MaxTabs)}1]"));
        Assert.False(TextMatcher.Accepts(Spaced, $"[\n{new string('\t', JsonGrammar.MaxTabs + 1)}1]"));
    }

    [Fact]
    public void Written_OfAnyTwoCharacters_ShareNoText()
    {
        int[] characters = [.. Enumerable.Range(0, 0x180), 0x2028, 0xFFFF, 0x1F600];
        foreach (var character in characters)
        {
            var one = WrittenStrings.Written(Express.Character(CharacterSet.OfCharacters(character)));
            var others = WrittenStrings.Written(Express.Character(CharacterSet.OfCharacters(character).Complement()));
            Assert.Throws<GrammarException>(() => CompiledGrammar.Compile(new Grammar(new BothExpression(one, others), [])));
            var text = WrittenStrings.Quote(char.ConvertFromUtf32(character));
            Assert.True(TextMatcher.Accepts(CompiledGrammar.Compile(new Grammar(WrittenStrings.Quoted(one), [])), text));
            Assert.Equal(char.ConvertFromUtf32(character), JsonSerializer.Deserialize<string>(text));
        }
    }

    [Fact]
    public void AtLeastAndAtMost_OfRandomBounds_TakeWhatIsWithin()
    {
        var random = new Random(3);
        for (var round = 0; round < 600; round++)
        {
            var bound = RandomNumber(random);
            var (isExclusive, isInteger) = (random.Next(2) == 0, random.Next(2) == 0);
            var least = Compile(JsonNumbers.AtLeast(JsonDecimal.Parse(bound)!, isExclusive, isInteger));
            var most = Compile(JsonNumbers.AtMost(JsonDecimal.Parse(bound)!, isExclusive, isInteger));
            var limit = decimal.Parse(bound, CultureInfo.InvariantCulture);
            for (var i = 0; i < 40; i++)
            {
                var text = i == 0 ? bound : RandomNumber(random);
                var value = decimal.Parse(text, CultureInfo.InvariantCulture);
                var isTaken = (!isInteger || !text.Contains('.', StringComparison.Ordinal)) && !text.StartsWith("-0", StringComparison.Ordinal);
                Assert.True(!Takes(least, text) || value > limit || (value == limit && !isExclusive), $"{text} at least {bound}");
                Assert.True(!Takes(most, text) || value < limit || (value == limit && !isExclusive), $"{text} at most {bound}");
                Assert.True(!isTaken || Takes(least, text) || value < limit || (value == limit && isExclusive), $"{text} not at least {bound}");
                Assert.True(!isTaken || Takes(most, text) || value > limit || (value == limit && isExclusive), $"{text} not at most {bound}");
            }
        }
    }

    [Theory]
    [InlineData("1", true)]
    [InlineData("5", true)]
    [InlineData("8", true)]
    [InlineData("20", true)]
    [InlineData("100", true)]
    [InlineData("2.5", true)]
    [InlineData("0.01", true)]
    [InlineData("0.01", false)]
    [InlineData("0.25", false)]
    [InlineData("0.5", false)]
    [InlineData("4", false)]
    public void Multiples_OfADivisor_TakesMultiplesAlone(string divisor, bool isInteger)
    {
        var of = JsonDecimal.Parse(divisor)!;
        var multiples = Compile(JsonMultiples.Of(of, isInteger)!);
        var random = new Random(4);
        for (var i = 0; i < 3000; i++)
        {
            var text = i < 500 ? i.ToString(CultureInfo.InvariantCulture) : RandomNumber(random);
            var value = decimal.Parse(text, CultureInfo.InvariantCulture);
            var isMultiple = value % decimal.Parse(divisor, CultureInfo.InvariantCulture) == 0;
            Assert.True(!Takes(multiples, text) || isMultiple, text);
            Assert.True(Takes(multiples, text) || !isMultiple || text.Contains('.', StringComparison.Ordinal) || text == "-0", text);
            Assert.Equal(isMultiple, JsonDecimal.Parse(text)!.IsMultipleOf(of));
        }
    }

    [Theory]
    [InlineData("3")]
    [InlineData("0.3")]
    [InlineData("0.7")]
    public void Multiples_WhereTheLastDigitsDoNotTell_AreNotDone(string divisor) => Assert.Null(JsonMultiples.Of(JsonDecimal.Parse(divisor)!, isInteger: false));

    [Theory]
    [InlineData("-12.500e1", true, "125", "")]
    [InlineData("0.00", false, "0", "")]
    [InlineData("-0", false, "0", "")]
    [InlineData("1e3", false, "1000", "")]
    [InlineData("125e-3", false, "0", "125")]
    [InlineData("0e9999999999", false, "0", "")]
    public void Parse_OfANumber_IsExact(string text, bool isNegative, string whole, string fraction) =>
        Assert.Equal(new JsonDecimal(isNegative, whole, fraction), JsonDecimal.Parse(text));

    [Fact]
    public void Parse_OfANumberBeyondAllBounds_IsNull() => Assert.Null(JsonDecimal.Parse("1e99999999999"));

    private static string RandomNumber(Random random)
    {
        var whole = random.NextInt64((long)Math.Pow(10, random.Next(1, 5))).ToString(CultureInfo.InvariantCulture);
        var fraction = random.Next(2) == 0 ? string.Empty : $".{random.Next(1000)}";
        return (random.Next(2) == 0 ? "-" : string.Empty) + whole + fraction;
    }

    private static bool Takes(CompiledGrammar? grammar, string text) => grammar is not null && TextMatcher.Accepts(grammar, text);

    private static CompiledGrammar? Compile(GrammarExpression expression) =>
        Express.IsNever(expression) ? null : CompiledGrammar.Compile(new Grammar(expression, []));

    private static CompiledGrammar Compile(JsonStyle style, Func<JsonGrammar, GrammarExpression> part)
    {
        var builder = new GrammarBuilder();
        var start = part(new JsonGrammar(builder, style));
        return CompiledGrammar.Compile(builder.Build(start));
    }
}
