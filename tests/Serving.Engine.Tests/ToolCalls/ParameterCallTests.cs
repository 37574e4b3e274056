using System.Text.Json;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>Calls whose parameters stand one by one: what they come to, however they are cut.</summary>
public sealed class ParameterCallTests
{
    private const string Schema = """
        {"type":"object","$defs":{"unit":{"enum":["c","f"]}},"properties":{"city":{"type":"string"},"days":{"type":"integer"},"note":{"anyOf":[{"type":"string"},{"type":"null"}]},
         "unit":{"$ref":"#/$defs/unit"},"either":{"type":["string","integer"]},"list":{"type":"array"}}}
        """;

    private static readonly ParameterKinds Kinds = new(JsonDocument.Parse($$"""[{"type":"function","function":{"name":"f","parameters":{{Schema}} } },{"type":"function","function":{"name":"get_weather"} }]""").RootElement);

    [Theory]
    [InlineData("city", ParameterKind.Text)]
    [InlineData("days", ParameterKind.Json)]
    [InlineData("note", ParameterKind.TextOrNull)]
    [InlineData("unit", ParameterKind.Text)]
    [InlineData("either", ParameterKind.Json)]
    [InlineData("list", ParameterKind.Json)]
    [InlineData("unknown", ParameterKind.Json)]
    public void Of_Parameter_IsReadBySchema(string parameter, ParameterKind kind) => Assert.Equal(kind, Kinds.Of("f", parameter));

    [Theory]
    [InlineData("{\"$ref\":\"#/$defs/a\"}")]
    [InlineData("{\"$ref\":\"https://example.com\"}")]
    [InlineData("{\"enum\":7}")]
    [InlineData("{\"anyOf\":{}}")]
    [InlineData("{\"type\":{}}")]
    [InlineData("true")]
    public void Of_SchemaThatSaysNothing_IsJson(string schema)
    {
        var root = JsonDocument.Parse("{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/a\"}}}").RootElement;

        Assert.Equal(ParameterKind.Json, ParameterKinds.Of(JsonDocument.Parse(schema).RootElement, root));
    }

    [Theory]
    [InlineData("<tool_call>\n<function=f>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>", "", "f {\"city\": \"Oslo\", \"days\": 3}")]
    [InlineData("<tool_call><function=f><parameter=city>Oslo</parameter></function></tool_call>", "", "f {\"city\": \"Oslo\"}")]
    [InlineData("I look.\n<tool_call>\n<function=get_weather>\n</function>\n</tool_call>\n<tool_call>\n<function=f>\n</function>\n</tool_call>", "I look.\n", "get_weather {}", "f {}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=city>\n5\n</parameter>\n</function>", "", "f {\"city\": \"5\"}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=city>\n\n a \"b\" \\ </para\n\n</parameter>\n</function>", "", "f {\"city\": \"\\n a \\\"b\\\" \\\\ </para\\n\"}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=city>\n<<</parameter>\n</function>", "", "f {\"city\": \"<<\"}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=city>\n</parameter>\n</function>", "", "f {\"city\": \"\"}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=days>\nseven\n</parameter>\n</function>", "", "f {\"days\": \"seven\"}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=days>\nTrue\n</parameter>\n</function>", "", "f {\"days\": true}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=note>\nnull\n</parameter>\n</function>", "", "f {\"note\": null}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=note>\nnull and void\n</parameter>\n</function>", "", "f {\"note\": \"null and void\"}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=note>\n12\n</parameter>\n</function>", "", "f {\"note\": \"12\"}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=either>\n12\n</parameter>\n<parameter=unknown>\nx\n</parameter>\n</function>", "", "f {\"either\": 12, \"unknown\": \"x\"}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=list>\n[1, {\"a\": \"</parameter>\"}]\n</parameter>\n</function>", "", "f {\"list\": [1, {\"a\": \"</parameter>\"}]}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=list>\n[\"a\n</parameter>\n</function>", "", "f {\"list\": \"[\\\"a\"}")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=list>\n\"</parameter>\" no\n</parameter>\n</function>", "<tool_call>\n<function=f>\n<parameter=list>\n\"</parameter>\" no\n</parameter>\n</function>")]
    [InlineData("<tool_call>\n<function=other>\n</function>\n</tool_call>", "<tool_call>\n<function=other>\n</function>\n</tool_call>")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=city>\nOslo\n</parameter>\n<parameter=city>\nRome\n</parameter>\n</function>", "<tool_call>\n<function=f>\n<parameter=city>\nOslo\n</parameter>\n<parameter=city>\nRome\n</parameter>\n</function>")]
    [InlineData("<tool_call>\n<function=f>\n<parameter=city>\nOs\"lo", "<tool_call>\n<function=f>\n<parameter=city>\nOs\"lo")]
    [InlineData("<tool_call>\n<function=f>\noops</function>", "<tool_call>\n<function=f>\noops</function>")]
    [InlineData("<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>", "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>")]
    public void Qwen3Coder_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.Qwen3Coder, text, content, calls, Kinds);

    [Theory]
    [InlineData("<seed:tool_call>\n<function=f>\n<parameter=city>Oslo\n</parameter>\n<parameter=days>3</parameter>\n</function>\n</seed:tool_call>", "", "f {\"city\": \"Oslo\\n\", \"days\": 3}")]
    [InlineData("<tool_call>\n<function=f>\n</function>\n</tool_call>", "<tool_call>\n<function=f>\n</function>\n</tool_call>")]
    public void SeedOss_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.SeedOss, text, content, calls, Kinds);

    [Theory]
    [InlineData("<tool_call>f\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>", "", "f {\"city\": \"Oslo\", \"days\": 3}")]
    [InlineData("<tool_call>f<arg_key>city</arg_key><arg_value> a\n</arg_value></tool_call>", "", "f {\"city\": \" a\\n\"}")]
    [InlineData("\n<tool_call>f\n</tool_call>\n<tool_call>get_weather</tool_call>", "", "f {}", "get_weather {}")]
    [InlineData("<tool_call>f<arg_key>city</arg_key></tool_call>", "<tool_call>f<arg_key>city</arg_key></tool_call>")]
    [InlineData("<tool_call>f is called so", "<tool_call>f is called so")]
    [InlineData("<tool_call>f<arg_key>city</arg_key>x<arg_value>1</arg_value></tool_call>", "<tool_call>f<arg_key>city</arg_key>x<arg_value>1</arg_value></tool_call>")]
    public void Glm45_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.Glm45, text, content, calls, Kinds);

    [Theory]
    [InlineData("\n\n<#function_calls>\n<#invoke name=\"f\">\n<#parameter name=\"city\" string=\"true\">5</#parameter>\n<#parameter name=\"days\" string=\"false\">3</#parameter>\n</#invoke>\n</#function_calls>", "", "f {\"city\": \"5\", \"days\": 3}")]
    [InlineData("Now.<#function_calls>\n<#invoke name=\"f\">\n</#invoke>\n<#invoke name=\"get_weather\">\n<#parameter name=\"a\" string=\"true\">b</#parameter>\n</#invoke>\n</#function_calls> So.", "Now. So.", "f {}", "get_weather {\"a\": \"b\"}")]
    [InlineData("<#function_calls>\n<#invoke name=\"f\">\n</#invoke>\n<#invoke name=\"other\">\n</#invoke>\n</#function_calls>", "\n<#invoke name=\"other\">\n</#invoke>\n</#function_calls>", "f {}")]
    [InlineData("<#invoke name=\"f\">\n</#invoke>", "<#invoke name=\"f\">\n</#invoke>")]
    [InlineData("<#function_calls><#invoke name=\"f\"><#parameter name=\"a\" string=\"maybe\">1</#parameter></#invoke>", "<#function_calls><#invoke name=\"f\"><#parameter name=\"a\" string=\"maybe\">1</#parameter></#invoke>")]
    public void DeepSeekV32_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(
        ToolCallFormat.DeepSeekV32, text.Replace("#", "｜DSML｜", StringComparison.Ordinal), content.Replace("#", "｜DSML｜", StringComparison.Ordinal), calls, Kinds);

    [Theory]
    [InlineData("<#tool_calls>\n<#invoke name=\"f\">\n<#parameter name=\"city\" string=\"true\">5</#parameter>\n</#invoke>\n</#tool_calls>", "", "f {\"city\": \"5\"}")]
    [InlineData("<#function_calls>\n<#invoke name=\"f\">\n</#invoke>", "<#function_calls>\n<#invoke name=\"f\">\n</#invoke>")]
    public void DeepSeekV4_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(
        ToolCallFormat.DeepSeekV4, text.Replace("#", "｜DSML｜", StringComparison.Ordinal), content.Replace("#", "｜DSML｜", StringComparison.Ordinal), calls, Kinds);

    [Theory]
    [InlineData("<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"city\">5</parameter>\n<parameter name=\"days\">3</parameter>\n</invoke>\n<invoke name=\"get_weather\"></invoke>\n</minimax:tool_call>", "", "f {\"city\": \"5\", \"days\": 3}", "get_weather {}")]
    [InlineData("<invoke name=\"f\"></invoke>", "<invoke name=\"f\"></invoke>")]
    public void MiniMaxM2_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.MiniMaxM2, text, content, calls, Kinds);

    [Fact]
    public void Append_OneCharacterAtATime_GivesATextAsItComes()
    {
        var parser = new ToolCallParser(ToolCallFormat.Qwen3Coder, new HashSet<string> { "f" }, 0, () => "call_1", Kinds);
        Assert.Empty(parser.Append("<tool_call>\n<function=f>\n<parameter=city").Calls);
        Assert.Equal([new ToolCallDelta(0, "call_1", "f", "{\"city\": ")], parser.Append(">\n").Calls);
        Assert.Equal([new ToolCallDelta(0, null, null, "\"Os")], parser.Append("Os").Calls);
        Assert.Equal([new ToolCallDelta(0, null, null, "\\n<lo")], parser.Append("\n<lo\n</par").Calls);
        Assert.Equal([new ToolCallDelta(0, null, null, "\""), new ToolCallDelta(0, null, null, "}")], [.. parser.Append("ameter>").Calls, .. parser.Append("</function>").Calls]);
        Assert.Equal(1, parser.Calls);
    }

    [Fact]
    public void Append_CallThatBreaksOff_IsTakenBackAsTheModelWroteIt()
    {
        var parser = new ToolCallParser(ToolCallFormat.Qwen3Coder, new HashSet<string> { "f" }, 0, () => "call_1", Kinds);
        parser.Append("<tool_call>\n<function=f>\n<parameter=city>\nOs\"lo");

        var output = parser.Flush();

        Assert.Equal([new ToolCallDelta(0, null, null, "", "<tool_call>\n<function=f>\n<parameter=city>\nOs\"lo", IsWhole: true)], output.Calls);
    }

    [Fact]
    public void Append_AnyTextInAnyPieces_GivesTheSameAndLosesNothing()
    {
        string[] parts =
        [
            "<tool_call>", "</tool_call>", "<tool_call>\n<function=f>\n", "<function=f>", "</function>", "<parameter=city>", "<parameter=days>\n", "<parameter=list>", "\n</parameter>\n", "</parameter>", "<tool_call>f\n",
            "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "<arg_key>note</arg_key>\n<arg_value>", "<｜DSML｜function_calls>", "</｜DSML｜function_calls>", "<｜DSML｜invoke name=\"f\">", "</｜DSML｜invoke>",
            "<｜DSML｜parameter name=\"a\" string=\"true\">", "<｜DSML｜parameter name=\"b\" string=\"false\">", "</｜DSML｜parameter>", "<seed:tool_call>", "ß", "{\"a\": \"ß</parameter>\"}", "<minimax:tool_call>", "</minimax:tool_call>", "<invoke name=\"f\">", "</invoke>", "<parameter name=\"city\">", "<｜DSML｜tool_calls>", "[", "\"", "null", "nul", "True", "7", " ", "\n", "<", "</", "a>", "\\",
        ];
        var formats = ToolCallFormat.All.Where(format => format.Parameters is not null).ToArray();
        var (seed, called) = (Environment.TickCount, 0);
        var random = new Random(seed);
        for (var round = 0; round < 60_000; round++)
        {
            // Behind the format's own marks as often as not, or few calls would begin at all.
            var format = formats[round % formats.Length];
            var begun = random.Next(2) == 0 ? "" : format.First + format.Before + format.Head("f")[0];
            var text = begun + string.Concat(Enumerable.Range(0, random.Next(16)).Select(_ => parts[random.Next(parts.Length)]));
            var whole = Answer.Of(format, [text], Kinds);
            var cut = Answer.Of(format, Answer.Cut(text, random), Kinds);
            var note = $"seed {seed}, round {round}, {format.Name}: {text}";
            Assert.True(whole.Content == cut.Content && whole.Calls.SequenceEqual(cut.Calls), note);
            Assert.True(whole.Calls.Count > 0 || whole.Content == text, note);
            Assert.True(text.Count(c => c == 'ß') == whole.Content.Count(c => c == 'ß') + whole.Arguments.Sum(arguments => arguments.Count(c => c == 'ß')), note);
            Assert.True(whole.Arguments.All(arguments => JsonDocument.Parse(arguments).RootElement.ValueKind == JsonValueKind.Object), note);
            called += whole.Calls.Count;
        }

        Assert.True(called > 100, $"{called} calls");
    }

    /// <summary>Whatever a text holds but the closing mark itself, it is what arrives; other values arrive as the JSON that they are.</summary>
    [Fact]
    public void Append_RandomValues_ArriveAsTheyAre()
    {
        string[] words = ["Oslo", " ", "\n", "\"", "\\", "<", "</", "</param", "<arg_value>", "7", "null", "{", "}", "ß😀", "\t", "</function>", "\u0001"];
        string[] values = ["3", "-1.5e3", "true", "null", "[1, {\"k\": \"</parameter></arg_value>\"}]", "{\"a\": [\"\\\"\", \"\\n\"]}", "\"quoted\""];
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 10_000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => words[random.Next(words.Length)]));
            var value = values[random.Next(values.Length)];
            var (format, written) = (round % 3) switch
            {
                0 => (ToolCallFormat.Qwen3Coder, $"<tool_call>\n<function=f>\n<parameter=city>\n{text}\n</parameter>\n<parameter=list>\n{value}\n</parameter>\n</function>\n</tool_call>"),
                1 => (ToolCallFormat.Glm45, $"<tool_call>f\n<arg_key>city</arg_key>\n<arg_value>{text}</arg_value>\n<arg_key>list</arg_key>\n<arg_value>{value}</arg_value>\n</tool_call>"),
                _ => (ToolCallFormat.DeepSeekV32, "<#function_calls>\n<#invoke name=\"f\">\n<#parameter name=\"city\" string=\"true\">".Replace("#", "｜DSML｜", StringComparison.Ordinal) + text
                    + $"</#parameter>\n<#parameter name=\"list\" string=\"false\">{value}</#parameter>\n</#invoke>\n</#function_calls>".Replace("#", "｜DSML｜", StringComparison.Ordinal)),
            };

            var answer = Answer.Of(format, Answer.Cut(written, random), Kinds);

            var note = $"seed {seed}: {written}";
            Assert.True(answer.Calls.Count == 1, note);
            using var arguments = JsonDocument.Parse(answer.Arguments.Single());
            Assert.True(arguments.RootElement.GetProperty("city").GetString() == text, note);
            Assert.True(arguments.RootElement.GetProperty("list").GetRawText() == value, note);
        }
    }
}
