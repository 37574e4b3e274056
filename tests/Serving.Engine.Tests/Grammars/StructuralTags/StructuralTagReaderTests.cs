using System.Text.Json;
using Serving.Engine.Grammars.Automata;
using Serving.Engine.Grammars.Expressions;
using Serving.Engine.Grammars.StructuralTags;

namespace Serving.Engine.Tests.Grammars.StructuralTags;

public sealed class StructuralTagReaderTests
{
    private const string Digits = """{"type":"regex","pattern":"[0-9]+"}""";

    private static readonly string Tag = $$$"""{"type":"tag","begin":"<n>","content":{{{Digits}}},"end":"</n>"}""";

    [Fact]
    public void Structures_WithTriggers_ArePartsOfFreeText() => Check(
        """
        {"type":"structural_tag","triggers":["<function="],"structures":[
          {"begin":"<function=weather>","schema":{"type":"object","properties":{"city":{"enum":["Oslo","Bonn"]}},"required":["city"],"additionalProperties":false},"end":"</function>"},
          {"begin":"<function=time>","schema":{"type":"object","additionalProperties":false},"end":"</function>"}]}
        """,
        ["", "It is 3 < 4, <functional>.", "I look. <function=weather>{\"city\":\"Oslo\"}</function> and <function=time>{}</function>!", "<function=time>{}</function>"],
        ["<function=", "<function=else>{}</function>", "<function=weather>{\"city\":\"Rome\"}</function>", "<function=time>{}", "<function=time>{}</function><function="]);

    [Theory]
    [InlineData("""{"type":"const_string","value":"yes"}""", "yes", "yes", "no")]
    [InlineData("""{"type":"json_schema","json_schema":{"enum":[1,"a"]},"style":"json"}""", "1", "\"a\"", "2")]
    [InlineData("""{"type":"grammar","grammar":"root ::= \"a\" root? \"b\""}""", "ab", "aabb", "aab")]
    [InlineData("""{"type":"any_text"}""", "", "anything", "")]
    [InlineData("""{"type":"any_text","excludes":["no","<"]}""", "nnn", "n o", "is no")]
    [InlineData("""{"type":"sequence","elements":[{"type":"const_string","value":"a"},{"type":"any_text"}]}""", "a", "abc", "b")]
    [InlineData("""{"type":"or","elements":[{"type":"const_string","value":"a"},{"type":"regex","pattern":"b+"}]}""", "a", "bb", "ab")]
    [InlineData("""{"type":"tag","begin":"(","content":{"type":"any_text"},"end":[")","]"]}""", "(a]", "()", "(a)b)")]
    public void Format_OfEachKind_MeansWhatItSays(string format, string first, string second, string refused) =>
        Check(Wrapped(format), [first, second], refused.Length == 0 ? [] : [refused]);

    [Theory]
    [InlineData("", new[] { "", "x", "x<n>1</n>y<n>2</n>" }, new[] { "<n>", "<n>x</n>" })]
    [InlineData(",\"at_least_one\":true", new[] { "x<n>1</n>", "<n>1</n>y<n>2</n>" }, new[] { "", "x" })]
    [InlineData(",\"stop_after_first\":true", new[] { "", "x", "x<n>1</n>" }, new[] { "x<n>1</n>y", "<n>1</n><n>2</n>" })]
    [InlineData(",\"stop_after_first\":true,\"at_least_one\":true", new[] { "x<n>1</n>" }, new[] { "", "x", "x<n>1</n>y" })]
    [InlineData(",\"excludes\":[\"x\"]", new[] { "", "y<n>1</n>" }, new[] { "x", "y<n>1</n>x" })]
    public void TriggeredTags_WithTheirFlags_ComeSoOften(string flags, string[] accepted, string[] refused) =>
        Check(Wrapped($$"""{"type":"triggered_tags","triggers":["<n"],"tags":[{{Tag}}]{{flags}}}"""), accepted, refused);

    [Theory]
    [InlineData("", new[] { "", "<n>1</n>", "<n>1</n>, <n>2</n>" }, new[] { "x", "<n>1</n>, ", "<n>1</n><n>2</n>" })]
    [InlineData(",\"at_least_one\":true", new[] { "<n>1</n>" }, new[] { "" })]
    [InlineData(",\"stop_after_first\":true", new[] { "", "<n>1</n>" }, new[] { "<n>1</n>, <n>2</n>" })]
    public void SeparatedTags_WithTheirFlags_ComeSoOften(string flags, string[] accepted, string[] refused) =>
        Check(Wrapped($$"""{"type":"tags_with_separator","separator":", ","tags":[{{Tag}}]{{flags}}}"""), accepted, refused);

    [Fact]
    public void Tags_InTags_EndWhereTheOuterOneEnds() => Check(
        Wrapped($$$"""{"type":"tag","begin":"{","end":"}","content":{"type":"triggered_tags","triggers":["<n>"],"tags":[{{{Tag}}}]}}"""),
        ["{}", "{a<n>1</n>b}"],
        ["{", "{a}b}", "{<n>}"]);

    [Theory]
    [InlineData("[]", "tag")]
    [InlineData("{}", "tag.triggers")]
    [InlineData("""{"triggers":[],"structures":[]}""", "tag.triggers")]
    [InlineData("""{"triggers":["<"],"structures":[]}""", "tag.structures")]
    [InlineData("""{"triggers":["<"],"structures":[{"begin":"[","schema":{},"end":"]"}]}""", "tag.structures[0].begin")]
    [InlineData("""{"triggers":["<"],"structures":[{"begin":"<","schema":{"type":"x"},"end":"]"}]}""", "tag.structures[0].schema")]
    [InlineData("""{"triggers":["<"],"structures":[{"begin":"<","schema":{}}]}""", "tag.structures[0].end")]
    [InlineData("""{"format":7}""", "tag.format")]
    [InlineData("""{"format":{}}""", "tag.format.type")]
    [InlineData("""{"format":{"type":"const_string","value":7}}""", "tag.format.value")]
    [InlineData("""{"format":{"type":"sequence","elements":[{"type":"regex","pattern":"("}]}}""", "tag.format.elements[0].pattern")]
    [InlineData("""{"format":{"type":"grammar","grammar":"root ::= ("}}""", "tag.format.grammar: the grammar is malformed at line 1")]
    [InlineData("""{"format":{"type":"tag","begin":"","end":"x","content":{"type":"any_text"}}}""", "tag.format.begin")]
    [InlineData("""{"format":{"type":"any_text","excludes":[""]}}""", "tag.format.excludes[0]")]
    [InlineData("""{"format":{"type":"triggered_tags","triggers":["a"],"tags":[{"begin":"a","end":"b","content":{"type":"any_text"}}],"at_least_one":"yes"}}""", "tag.format.at_least_one")]
    public void Tag_ThatIsWrong_IsRefusedByItsPlace(string tag, string place)
    {
        var exception = Assert.Throws<GrammarException>(() => Compile(tag));
        Assert.StartsWith(place, exception.Message, StringComparison.Ordinal);
        Assert.False(exception.IsNotSupported);
    }

    [Theory]
    [InlineData("""{"format":{"type":"qwen_xml_parameter","json_schema":{}}}""", "qwen_xml_parameter")]
    [InlineData("""{"format":{"type":"json_schema","json_schema":{},"style":"qwen_xml"}}""", "style")]
    public void Tag_OfAKindThatIsNotDone_SaysSo(string tag, string what)
    {
        var exception = Assert.Throws<GrammarException>(() => Compile(tag));
        Assert.Contains(what, exception.Message, StringComparison.Ordinal);
        Assert.True(exception.IsNotSupported);
    }

    [Fact]
    public void Formats_NestedTooDeeply_AreRefused()
    {
        var format = """{"type":"any_text"}""";
        for (var i = 0; i < 28; i++)
        {
            format = $$"""{"type":"or","elements":[{{format}}]}""";
        }

        Assert.Contains("nested", Assert.Throws<GrammarException>(() => Compile(Wrapped(format))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OfRandomPieces_RefusesOrReads()
    {
        string[] values =
        [
            "1", "null", "true", "\"\"", "\"<\"", "[]", "[\"<\"]", "[\"\"]", "{}", "[{}]", Digits, $"[{Digits}]", Tag, $"[{Tag}]", "\"tag\"", "\"sequence\"", "\"triggered_tags\"", "\"or\"", "\"any_text\"",
            "\"tags_with_separator\"", "\"json_schema\"",
        ];
        string[] names = ["type", "format", "triggers", "structures", "tags", "begin", "content", "end", "elements", "excludes", "separator", "json_schema", "at_least_one", "value", "pattern"];
        var random = new Random(8);
        var read = 0;
        for (var round = 0; round < 10_000; round++)
        {
            var format = "{" + string.Join(',', names.Where(_ => random.Next(2) == 0).Select(name => $"\"{name}\":{values[random.Next(values.Length)]}")) + "}";
            try
            {
                Compile(random.Next(2) == 0 ? format : Wrapped(format));
                read++;
            }
            catch (GrammarException)
            {
            }
        }

        Assert.InRange(read, 20, 9_000);
    }

    private static string Wrapped(string format) => $$"""{"type":"structural_tag","format":{{format}}}""";

    private static CompiledGrammar Compile(string tag)
    {
        using var json = JsonDocument.Parse(tag);
        var builder = new GrammarBuilder();
        return CompiledGrammar.Compile(builder.Build(StructuralTagReader.Read(json.RootElement, builder, "tag")));
    }

    private static void Check(string tag, string[] accepted, string[] refused)
    {
        var grammar = Compile(tag);
        Assert.All(accepted, text => Assert.True(TextMatcher.Accepts(grammar, text), $"{text} is refused"));
        Assert.All(refused, text => Assert.False(TextMatcher.Accepts(grammar, text), $"{text} is accepted"));
    }
}
