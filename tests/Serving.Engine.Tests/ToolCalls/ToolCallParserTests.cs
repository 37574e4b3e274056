using Serving.Engine.ToolCalls;

namespace Serving.Engine.Tests.ToolCalls;

public sealed class ToolCallParserTests
{
    [Theory]
    [InlineData("Hello, world.", "Hello, world.")]
    [InlineData("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", "", "f {\"a\": 1}")]
    [InlineData("\n\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n", "", "f {}")]
    [InlineData("Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>", "Let me see.\n", "f {}")]
    [InlineData("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n<tool_call>{\"name\":\"get_weather\",\"arguments\":{\"c\":[\"}\"]}}</tool_call>", "", "f {}", "get_weather {\"c\":[\"}\"]}")]
    [InlineData("<tool_call>{\"arguments\": {\"a\": {\"name\": 2}}, \"name\": \"f\"}</tool_call>", "", "f {\"a\": {\"name\": 2}}")]
    [InlineData("<tool_call>{\"id\": 7, \"type\": \"function\", \"name\": \"f\", \"arguments\": {}, }</tool_call>", ", }</tool_call>", "f {}")]
    [InlineData("<tool_call>{\"name\":\"f\",\"arguments\":{}} and more", " and more", "f {}")]
    [InlineData("<tool_call>{\"name\":\"f\",\"arguments\":{}}", "", "f {}")]
    [InlineData("<tool_call>{\"name\":\"f\",\"arguments\":{}", "", "f {}")]
    [InlineData("<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":", "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":")]
    [InlineData("<tool_call>{\"name\":\"f\",\"arguments\":{\"a\": nul}}</tool_call>", "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\": nul}}</tool_call>")]
    [InlineData("<tool_call>{\"name\":\"other\",\"arguments\":{}}</tool_call>", "<tool_call>{\"name\":\"other\",\"arguments\":{}}</tool_call>")]
    [InlineData("<tool_call>{\"name\":\"f\",\"arguments\":\"{}\"}</tool_call>", "<tool_call>{\"name\":\"f\",\"arguments\":\"{}\"}</tool_call>")]
    [InlineData("<tool_call>{\"name\":\"f\"}</tool_call>", "<tool_call>{\"name\":\"f\"}</tool_call>")]
    [InlineData("<tool_call><tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "<tool_call>", "f {}")]
    [InlineData("a <tool_call", "a <tool_call")]
    [InlineData("<tool <<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "<tool <", "f {}")]
    [InlineData("{\"name\":\"f\",\"arguments\":{}}", "{\"name\":\"f\",\"arguments\":{}}")]
    [InlineData(" \n", " \n")]
    [InlineData("", "")]
    public void Hermes_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Check(ToolCallFormat.Hermes, text, content, calls);

    [Theory]
    [InlineData("{\"name\": \"f\", \"parameters\": {\"a\": -1.5e+3}}", "", "f {\"a\": -1.5e+3}")]
    [InlineData("<|python_tag|>{\"name\": \"f\", \"parameters\": {}}", "", "f {}")]
    [InlineData("{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"get_weather\", \"parameters\": {\"city\": \"Köln\"}}", "", "f {}", "get_weather {\"city\": \"Köln\"}")]
    [InlineData("{\"name\": \"f\", \"arguments\": {}}\n{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}", "", "f {}", "f {}")]
    [InlineData("Sure: {\"name\": \"f\", \"parameters\": {}}", "Sure: {\"name\": \"f\", \"parameters\": {}}")]
    [InlineData("Sure: <|python_tag|>{\"name\": \"f\", \"parameters\": {}}", "Sure: ", "f {}")]
    [InlineData("{\"city\": \"Paris\"}", "{\"city\": \"Paris\"}")]
    [InlineData("{\"name\": \"Bob\", \"parameters\": {}}", "{\"name\": \"Bob\", \"parameters\": {}}")]
    [InlineData("<|python_tag|>brave_search.call(query=\"x\")", "<|python_tag|>brave_search.call(query=\"x\")")]
    [InlineData("{\"name\": \"f\", \"parameters\": {}}; that was it", "; that was it", "f {}")]
    public void Llama3Json_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Check(ToolCallFormat.Llama3Json, text, content, calls);

    [Theory]
    [InlineData("[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": true}}]", "", "f {\"a\": true}")]
    [InlineData("[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}, \"id\": \"abcdefghi\"}, {\"name\": \"f\", \"arguments\": {\"b\": []}}]", "", "f {}", "f {\"b\": []}")]
    [InlineData("[TOOL_CALLS]{\"name\": \"f\", \"arguments\": {}}", "", "f {}")]
    [InlineData("I call [TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}}] now", "I call  now", "f {}")]
    [InlineData("[TOOL_CALLS][]", "[TOOL_CALLS][]")]
    [InlineData("[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}} {\"name\": \"f\", \"arguments\": {}}]", " {\"name\": \"f\", \"arguments\": {}}]", "f {}")]
    [InlineData("[TOOL_CALLS]f[ARGS]{}", "[TOOL_CALLS]f[ARGS]{}")]
    [InlineData("[1, 2, [TOOL", "[1, 2, [TOOL")]
    public void Mistral_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Check(ToolCallFormat.Mistral, text, content, calls);

    [Theory]
    [InlineData("[TOOL_CALLS]f[ARGS]{\"a\": 1}", "", "f {\"a\": 1}")]
    [InlineData("See: [TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{}[TOOL_CALLS]get_weather[ARGS] {\"b\":{}}", "See: ", "f {}", "get_weather {\"b\":{}}")]
    [InlineData("[TOOL_CALLS]f[ARGS]{} and more", " and more", "f {}")]
    [InlineData("[TOOL_CALLS]other[ARGS]{}", "[TOOL_CALLS]other[ARGS]{}")]
    [InlineData("[TOOL_CALLS]f[CALL_ID]a[CALL_ID]b[ARGS]{}", "[TOOL_CALLS]f[CALL_ID]a[CALL_ID]b[ARGS]{}")]
    [InlineData("[TOOL_CALLS]f[ARGS][]", "[TOOL_CALLS]f[ARGS][]")]
    [InlineData("[TOOL_CALLS]f[ARG[TOOL_CALLS]f[ARGS]{}", "[TOOL_CALLS]f[ARG", "f {}")]
    [InlineData("[TOOL_CALLS]f[ARGS]{\"a\":", "[TOOL_CALLS]f[ARGS]{\"a\":")]
    [InlineData("[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}}]", "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}}]")]
    public void MistralNamed_Text_GivesContentAndCalls(string text, string content, params string[] calls) => Check(ToolCallFormat.MistralNamed, text, content, calls);

    [Fact]
    public void Append_OneCharacterAtATime_GivesArgumentsAsTheyCome()
    {
        var parser = new ToolCallParser(ToolCallFormat.Hermes, new HashSet<string> { "f" }, 0, () => "call_1");
        Assert.Equal("", parser.Append("<tool_call>{\"name\":\"f\",\"arguments\":").Text);

        Assert.Equal([new ToolCallDelta(0, "call_1", "f", "{\"a\"")], parser.Append("{\"a\"").Calls);
        Assert.Equal([new ToolCallDelta(0, null, null, ":1")], parser.Append(":1").Calls);
        Assert.Equal(0, parser.Calls);
        Assert.Equal([new ToolCallDelta(0, null, null, "}")], parser.Append("}}</tool_call>").Calls);
        Assert.Equal(1, parser.Calls);
    }

    [Fact]
    public void Append_CallThatTurnsOutToBeNone_IsWithdrawnWithItsBeginning()
    {
        var parser = new ToolCallParser(ToolCallFormat.Hermes, new HashSet<string> { "f" }, 0, () => "call_1");
        parser.Append("<tool_call>{\"name\":\"f\",\"arguments\":{\"a\"");

        var output = parser.Append(":1 oops");

        Assert.Equal([new ToolCallDelta(0, null, null, ":1 ", "<tool_call>{\"name\":\"f\",\"arguments\":")], output.Calls);
        Assert.Equal("oops", output.Text);
    }

    [Fact]
    public void Append_OneCallWanted_StopsBehindItsArguments()
    {
        var text = ToolCallFormat.Hermes.Write(("f", "{}"), ("f", "{}"));

        var answer = Answer.Of(ToolCallFormat.Hermes, [text], maxCalls: 1);

        Assert.Equal(["f {}"], answer.Calls);
        Assert.Equal("", answer.Content);
    }

    [Fact]
    public void Append_MoreCallsThanAnAnswerMayMake_AreContent()
    {
        var text = ToolCallFormat.Llama3Json.Write([.. Enumerable.Repeat(("f", "{}"), ToolCallParser.MaxCalls + 2)]);

        var answer = Answer.Of(ToolCallFormat.Llama3Json, [text]);

        Assert.Equal(ToolCallParser.MaxCalls, answer.Calls.Count);
        Assert.Equal(string.Concat(Enumerable.Repeat("; {\"name\": \"f\", \"parameters\": {}}", 2)), answer.Content);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Append_LongArguments_AreACallUnlessTheirNameComesLater(bool isNameFirst)
    {
        var arguments = "{\"a\":\"" + new string('x', ToolCallParser.MaxHeld) + "\"}";
        var text = isNameFirst ? $"<tool_call>{{\"name\":\"f\",\"arguments\":{arguments}}}" : $"<tool_call>{{\"arguments\":{arguments},\"name\":\"f\"}}";

        var answer = Answer.Of(ToolCallFormat.Hermes, [text]);

        Assert.Equal(isNameFirst ? [$"f {arguments}"] : [], answer.Calls);
        Assert.Equal(isNameFirst ? "" : text, answer.Content);
    }

    [Fact]
    public void Append_MuchWhiteSpaceOrManyLevels_IsHeldBackNoFurther()
    {
        var space = new string(' ', ToolCallParser.MaxHeld + 10);
        var deep = "<tool_call>{\"name\":\"f\",\"arguments\":" + string.Concat(Enumerable.Repeat("{\"a\":", 70)) + "1" + new string('}', 71);

        Assert.Equal(space, Answer.Of(ToolCallFormat.Hermes, [space]).Content);
        Assert.Equal("<tool_call>" + space, Answer.Of(ToolCallFormat.Hermes, ["<tool_call>" + space]).Content);
        Assert.Equal(deep, Answer.Of(ToolCallFormat.Hermes, [deep]).Content);
    }

    [Fact]
    public void New_Ids_HaveTheFormTheFormatNeeds()
    {
        Assert.Matches("^call_[A-Za-z0-9]{24}$", ToolCallIds.New(ToolCallFormat.Hermes));
        Assert.Matches("^[A-Za-z0-9]{9}$", ToolCallIds.New(ToolCallFormat.Mistral));
        Assert.NotEqual(ToolCallIds.New(ToolCallFormat.Hermes), ToolCallIds.New(ToolCallFormat.Hermes));
    }

    private static void Check(ToolCallFormat format, string text, string content, string[] calls)
    {
        foreach (var pieces in new[] { [text], Answer.Characters(text) })
        {
            var answer = Answer.Of(format, pieces);
            Assert.Equal(calls, answer.Calls);
            Assert.Equal(content, answer.Content);
        }
    }
}
