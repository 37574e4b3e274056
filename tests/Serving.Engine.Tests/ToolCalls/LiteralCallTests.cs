using System.Text.Json;
using Serving.Engine.ToolCalls;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>Calls that are written as expressions: Python's, and Gemma's.</summary>
public sealed class LiteralCallTests
{
    [Theory]
    [InlineData("[f(city=\"Oslo\", days=3)]", "", "f {\"city\": \"Oslo\", \"days\": 3}")]
    [InlineData(" [f(), get_weather( a = [1, -2.5e3, 'x'] , b={'k': True, \"l\": None,},)] ", "", "f {}", "get_weather {\"a\": [1, -2.5e3, \"x\"], \"b\": {\"k\": true, \"l\": null}}")]
    [InlineData("<|python_start|>[f(a=false)]<|python_end|>", "", "f {\"a\": false}")]
    [InlineData("<|python_start|>[f(a=1)]<|python_end|> So.", " So.", "f {\"a\": 1}")]
    [InlineData("[f(a='it\\'s \"q\"\\n\\x41\\u00e9\\U0001F600\\d\\/')]", "", "f {\"a\": \"it's \\\"q\\\"\\nAé😀\\\\d/\"}")]
    [InlineData("[f(a=\"\\ud83d\\ude00\")]", "", "f {\"a\": \"\\ud83d\\ude00\"}")]
    [InlineData("[f(a=1)", "", "f {\"a\": 1}")]
    [InlineData("[f(a=1", "[f(a=1")]
    [InlineData("[f(a=1, a=2)]", "[f(a=1, a=2)]")]
    [InlineData("[f(1)]", "[f(1)]")]
    [InlineData("[f(a=g(1))]", "[f(a=g(1))]")]
    [InlineData("[f(a=(1, 2))]", "[f(a=(1, 2))]")]
    [InlineData("[f(a=007)]", "[f(a=007)]")]
    [InlineData("[f(a=\"\\U00110000\")]", "[f(a=\"\\U00110000\")]")]
    [InlineData("[other(a=1)]", "[other(a=1)]")]
    [InlineData("[f]", "[f]")]
    [InlineData("[1, 2]", "[1, 2]")]
    [InlineData("[]", "[]")]
    [InlineData("Call [f(a=1)]", "Call [f(a=1)]")]
    [InlineData("[f(a=1) get_weather()]", " get_weather()]", "f {\"a\": 1}")]
    public void Pythonic_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.Pythonic, text, content, calls);

    [Theory]
    [InlineData("<|tool_call_start|>[f(city=\"Oslo\"), get_weather()]<|tool_call_end|>I look.", "I look.", "f {\"city\": \"Oslo\"}", "get_weather {}")]
    [InlineData("[f(city=\"Oslo\")]", "[f(city=\"Oslo\")]")]
    [InlineData("<|tool_call_start|>f()<|tool_call_end|>", "<|tool_call_start|>f()<|tool_call_end|>")]
    public void Lfm2_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.Lfm2, text, content, calls);

    [Theory]
    [InlineData("<function_calls>\nf(a=1)\nget_weather(city='Köln')\n</function_calls>", "", "f {\"a\": 1}", "get_weather {\"city\": \"Köln\"}")]
    [InlineData("<function_calls>f()</function_calls> f()", " f()", "f {}")]
    public void Olmo3_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.Olmo3, text, content, calls);

    [Theory]
    [InlineData("<|tool_call>call:f{city:<|\"|>Oslo, \"x\" \\n<|\"|>,days:3}<tool_call|>", "", "f {\"city\": \"Oslo, \\\"x\\\" \\\\n\", \"days\": 3}")]
    [InlineData("<|tool_call>call:f{}<tool_call|><|tool_call>call:get_weather{a:[<|\"|>b<|<|\"|>,{c:true,<|\"|>d e<|\"|>:null}]}<tool_call|>", "", "f {}", "get_weather {\"a\": [\"b<|\", {\"c\": true, \"d e\": null}]}")]
    [InlineData("<|tool_call>call:f{a:{\"b\": \"c\\n\"}}<tool_call|>", "", "f {\"a\": {\"b\": \"c\\n\"}}")]
    [InlineData("<|tool_call>call:f{a:<|\"|>b", "<|tool_call>call:f{a:<|\"|>b")]
    [InlineData("<|tool_call>call:f{a:Oslo}<tool_call|>", "<|tool_call>call:f{a:Oslo}<tool_call|>")]
    [InlineData("<|tool_call>f{}<tool_call|>", "<|tool_call>f{}<tool_call|>")]
    public void Gemma4_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.Gemma4, text, content, calls);

    [Theory]
    [InlineData("<start_function_call>call:f{city:<escape>Os<lo<escape>}<end_function_call>", "", "f {\"city\": \"Os<lo\"}")]
    public void FunctionGemma_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Answer.Check(ToolCallFormat.FunctionGemma, text, content, calls);

    [Fact]
    public void Append_InPieces_GivesTextsAsTheyComeAndTakesBackWhatBreaksOff()
    {
        var parser = new ToolCallParser(ToolCallFormat.Pythonic, new HashSet<string> { "f" }, 0, () => "call_1");
        Assert.Empty(parser.Append("[f(city").Calls);
        Assert.Equal([new ToolCallDelta(0, "call_1", "f", "{\"city\": \"Os")], parser.Append("='Os").Calls);
        Assert.Equal([new ToolCallDelta(0, null, null, "lo\\\"\"")], parser.Append("lo\"'").Calls);

        var output = parser.Flush(", n");

        Assert.Equal([new ToolCallDelta(0, null, null, "", "[f(city='Oslo\"', n", IsWhole: true)], output.Calls);
    }

    [Fact]
    public void Append_ManyLevelsOrALongWord_IsContent()
    {
        var deep = $"[f(a={new string('[', 70)}1{new string(']', 70)})]";
        var word = $"[f(a={new string('1', 100)})]";
        Assert.Equal(deep, Answer.Of(ToolCallFormat.Pythonic, [deep]).Content);
        Assert.Equal(word, Answer.Of(ToolCallFormat.Pythonic, [word]).Content);
    }

    /// <summary>Whatever a text is, written with Python's escapes or between marks, it arrives.</summary>
    [Fact]
    public void Append_RandomTexts_ArriveAsTheyAre()
    {
        string[] words = ["Oslo", " ", "\n", "\"", "'", "\\", "\\n", "<", "<|", "<esc", ")", "]", ",", "=", "{", "ß😀", "\t", "\u0001", "7"];
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 6_000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => words[random.Next(words.Length)]));
            var (format, written) = (round % 3) switch
            {
                0 => (ToolCallFormat.Pythonic, $"[f(a='{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}', b=[7])]"),
                1 => (ToolCallFormat.Lfm2, $"<|tool_call_start|>[f(a={JsonSerializer.Serialize(text)}, b=[7])]<|tool_call_end|>"),
                _ => (ToolCallFormat.Gemma4, $"<|tool_call>call:f{{a:<|\"|>{text}<|\"|>,b:[7]}}<tool_call|>"),
            };

            var answer = Answer.Of(format, Answer.Cut(written, random));

            var note = $"seed {seed}: {written}";
            Assert.True(answer.Calls.Count == 1 && answer.Content.Length == 0, note);
            using var arguments = JsonDocument.Parse(answer.Arguments.Single());
            Assert.True(arguments.RootElement.GetProperty("a").GetString() == text && arguments.RootElement.GetProperty("b")[0].GetInt32() == 7, note);
        }
    }
}
