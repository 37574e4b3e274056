using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Running;
using Serving.Engine.ToolCalls;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>OpenAI's custom tools: called with a text, which a grammar holds in every way in which a model's calls have texts.</summary>
public sealed class CustomToolTests
{
    /// <summary>A patch in small: line breaks, quotation marks and backslashes, which JSON writes by escapes.</summary>
    private const string Lark = "start: begin line line? end\nbegin: \"*** Begin\" LF\nline: (\"+\" | \"-\") /[a-z\"\\\\é<]{1,3}/ LF\nend: \"*** End\"\n%import common.LF\n";

    private const string Patch = "^\\*\\*\\* Begin\n([+-][a-z\"\\\\é<]{1,3}\n){1,2}\\*\\*\\* End\\z";

    private const string Nested = "start: \"a\" | \"(\" start \")\"\n";

    private const string Value = "{{ value if value is string else value | tojson }}";

    private static readonly ToolSupport Support = new() { Format = ToolCallFormat.Hermes };

    public static TheoryData<string> Formats() => ["hermes", "llama3_json", "qwen3_coder", "glm45", "deepseek_v32", "lfm2", "gemma4", "apertus"];

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Demanded_WithAGrammar_IsCalledWithATextOfIt(string format)
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, format);
        var texts = new List<string>();
        for (var seed = 0; seed < 6; seed++)
        {
            texts.Add(await CalledAsync(engine, Chat(Grammar("lark", Lark), seed % 2 == 0 ? ToolChoiceKind.Function : ToolChoiceKind.Required), seed));
            Assert.Matches(Patch, texts[^1]);
            Assert.Matches("^\"\n[0-9]{2}\\z", await CalledAsync(engine, Chat(Grammar("regex", "\"\\n[0-9]{2}"), ToolChoiceKind.Function), seed));
        }

        Assert.True(texts.Distinct().Count() > 1);
    }

    /// <summary>A model that makes a call of its own accord is held to the grammar as well: it begins with something else.</summary>
    [Fact]
    public async Task Auto_InACallThatTheModelBegins_IsATextOfTheGrammar()
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, Template("hermes"), "I patch", ".\n<tool_call>", "\n{\"name\": \"", "apply_patch", "\", \"arguments\": ", "{\"input\": \"", "sorry");
        await using var engine = RunningEngine.Start(change: options => options with { Model = folder.Path, AdaptersRoot = null, PoolBytes = 16 << 20 });

        Assert.Matches(Patch, await CalledAsync(engine, Chat(Grammar("lark", Lark), ToolChoiceKind.Auto), seed: null));
    }

    [Theory]
    [InlineData("hermes", true)]
    [InlineData("qwen3_coder", false)]
    [InlineData("lfm2", true)]
    [InlineData("gemma4", false)]
    public async Task Demanded_OfAGrammarThatLeadsBackToItself_IsKeptInJsonAndRefusedInPlainText(string format, bool isKept)
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, format);
        var chat = Chat(Grammar("lark", Nested), ToolChoiceKind.Function);
        if (isKept)
        {
            Assert.Matches("^[(]*a[)]*\\z", await CalledAsync(engine, chat, seed: 3));
            return;
        }

        var (stream, failure) = await engine.Client.SubmitAsync(RunningEngine.Chat("base", "x", 8) with { Prompt = chat }, TestContext.Current.CancellationToken);
        Assert.Null(stream);
        Assert.Equal((RequestError.NotSupported, "tool_choice"), (failure!.Error, failure.Parameter));
        Assert.Contains("tools[0].custom.format.grammar.definition: a rule of the grammar leads back to itself", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Demanded_OfAGrammarThatIsNone_IsRefusedWithItsPlace()
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, "hermes");
        foreach (var format in new[] { Grammar("lark", "start: other\n"), Grammar("regex", "(") })
        {
            var (stream, failure) = await engine.Client.SubmitAsync(RunningEngine.Chat("base", "x", 8) with { Prompt = Chat(format, ToolChoiceKind.Auto) }, TestContext.Current.CancellationToken);
            Assert.Null(stream);
            Assert.Equal((RequestError.InvalidRequest, "tools"), (failure!.Error, failure.Parameter));
            Assert.Contains("tools[0].custom.format.grammar.definition", failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Demanded_WithAnyText_IsCalledWithSome()
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, "hermes");
        var request = RunningEngine.Chat("base", "x", 2000) with { Prompt = Chat("""{"type":"text"}""", ToolChoiceKind.Function), Seed = 2, Temperature = 1 };
        var (events, _) = await engine.EventsAsync(request);
        using var arguments = JsonDocument.Parse(Arguments(events));
        Assert.Equal("input", Assert.Single(arguments.RootElement.EnumerateObject()).Name);
    }

    [Theory]
    [InlineData("{}", "tools[0].type")]
    [InlineData("{\"custom\":{\"name\":\"f\"}}", "tools[0].type", "\"other\"")]
    [InlineData("{\"custom\":3}", "tools[0].custom")]
    [InlineData("{\"custom\":{}}", "tools[0].custom.name")]
    [InlineData("{\"custom\":{\"name\":\"f g\"}}", "tools[0].custom.name")]
    [InlineData("{\"custom\":{\"name\":\"f\",\"description\":1}}", "tools[0].custom.description")]
    [InlineData("{\"custom\":{\"name\":\"f\",\"format\":1}}", "tools[0].custom.format")]
    [InlineData("{\"custom\":{\"name\":\"f\",\"format\":{}}}", "tools[0].custom.format")]
    [InlineData("{\"custom\":{\"name\":\"f\",\"format\":{\"type\":\"json\"}}}", "tools[0].custom.format.type")]
    [InlineData("{\"custom\":{\"name\":\"f\",\"format\":{\"type\":\"grammar\"}}}", "tools[0].custom.format.grammar")]
    [InlineData("{\"custom\":{\"name\":\"f\",\"format\":{\"type\":\"grammar\",\"grammar\":{\"syntax\":\"gbnf\",\"definition\":\"x\"}}}}", "tools[0].custom.format.grammar.syntax")]
    [InlineData("{\"custom\":{\"name\":\"f\",\"format\":{\"type\":\"grammar\",\"grammar\":{\"syntax\":\"lark\"}}}}", "tools[0].custom.format.grammar.definition")]
    public void Validate_OfAToolThatIsWrong_NamesTheField(string tool, string field, string type = "\"custom\"")
    {
        var json = tool == "{}" ? "{\"type\":\"retrieval\"}" : $"{{\"type\":{type},{tool[1..]}";
        Assert.Equal(field, ToolRules.Check(Chat([JsonDocument.Parse(json).RootElement], ToolChoice.Auto), Support)?.Parameter);
    }

    [Fact]
    public void Validate_OfTwoToolsOfOneName_NamesTheSecond()
    {
        var tools = JsonDocument.Parse("""[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"f"}}]""").RootElement;
        Assert.Equal("tools[1].custom.name", ToolRules.Check(Chat(tools.EnumerateArray(), ToolChoice.Auto), Support)?.Parameter);
    }

    [Fact]
    public void ShownFunctions_OfCustomTools_HaveOneTextAndTellWhatItIs()
    {
        var shown = Chat(Grammar("lark", "start: \"a\""), ToolChoiceKind.Auto).ShownFunctions!.Value;
        Assert.Equal("function", shown[0].GetProperty("type").GetString());
        var function = shown[0].GetProperty("function");
        Assert.Equal("apply_patch", function.GetProperty("name").GetString());
        Assert.Equal("Changes files.\n\nIts input is a text of this Lark grammar:\nstart: \"a\"", function.GetProperty("description").GetString());
        Assert.Equal("""{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}""", function.GetProperty("parameters").GetRawText());
        Assert.Equal("now", shown[1].GetProperty("function").GetProperty("name").GetString());
    }

    [Theory]
    [InlineData(true, """{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"apply_patch","arguments":"{\u0022input\u0022:\u0022a\\n\\u0022\u0022}"}}],"content":""}""")]
    [InlineData(false, """{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"apply_patch","arguments":{"input":"a\n\u0022"}}}],"content":""}""")]
    public void Normalize_OfAnEarlierCall_MakesItOneOfTheFunction(bool asText, string expected)
    {
        var messages = JsonDocument.Parse("""[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"custom","custom":{"name":"apply_patch","input":"a\n\""}}]}]""").RootElement;
        Assert.Null(ChatMessages.Validate(new ChatPrompt(messages)));
        var normal = ChatMessages.Normalize(messages, new ToolSupport { Format = ToolCallFormat.Hermes, Style = new CallStyle(asText, false) }, new ReasoningSupport());
        Assert.Equal(expected, normal[0].GetRawText());
    }

    [Theory]
    [InlineData("""{"type":"custom"}""")]
    [InlineData("""{"type":"custom","custom":{"name":"f"}}""")]
    [InlineData("""{"type":"custom","custom":{"name":"f","input":1}}""")]
    [InlineData("""{"type":"custom","custom":{"name":"f","input":"x"},"function":{"name":"f","arguments":"{}"}}""")]
    [InlineData("""{"type":"custom","function":{"name":"f","arguments":"{}"}}""")]
    [InlineData("""{"type":"function","custom":{"name":"f","input":"x"}}""")]
    public void Validate_OfAnEarlierCallThatIsWrong_NamesIt(string call)
    {
        var messages = JsonDocument.Parse($$"""[{"role":"assistant","content":null,"tool_calls":[{{call}}]}]""").RootElement;
        Assert.Equal("messages[0].tool_calls", ChatMessages.Validate(new ChatPrompt(messages))?.Parameter);
    }

    private static string Grammar(string syntax, string definition) => JsonSerializer.Serialize(new { type = "grammar", grammar = new { syntax, definition } });

    private static ChatPrompt Chat(string format, ToolChoiceKind choice)
    {
        var tools = JsonDocument.Parse($$"""
            [{"type":"custom","custom":{"name":"apply_patch","description":"Changes files.","format":{{format}} } }{{(choice == ToolChoiceKind.Required ? "" : ",{\"type\":\"function\",\"function\":{\"name\":\"now\"}}")}}]
            """).RootElement;
        return Chat(tools.EnumerateArray(), new ToolChoice(choice, choice == ToolChoiceKind.Function ? "apply_patch" : null)) with { ParallelCalls = false };
    }

    private static ChatPrompt Chat(IEnumerable<JsonElement> tools, ToolChoice choice) =>
        new(JsonSerializer.SerializeToElement(new[] { new { role = "user", content = "Change it." } }), JsonSerializer.SerializeToElement(tools)) { Choice = choice };

    private static RunningEngine Start(TemporaryFolder folder, string format)
    {
        ScriptedModel.Write(folder.Path, Template(format), "Nothing", " to do", "｜DSML｜");
        var engine = RunningEngine.Start(change: options => options with { Model = folder.Path, AdaptersRoot = null, PoolBytes = 16 << 20 });
        Assert.Equal(format, engine.Client.Description.ToolCallParser);
        return engine;
    }

    private static string Template(string format) => format switch
    {
        "hermes" => ScriptedModel.Template("<tool_call>\n{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}}\n</tool_call>"),
        "llama3_json" => ScriptedModel.Template("{\"name\": \"{{ call.name }}\", \"parameters\": {{ call.arguments | tojson }}}"),
        "qwen3_coder" => ScriptedModel.Template(
            "<tool_call>\n<function={{ call.name }}>\n{% for key, value in call.arguments | items %}<parameter={{ key }}>\n" + Value + "\n</parameter>\n{% endfor %}</function>\n</tool_call>"),
        "glm45" => ScriptedModel.Template(
            "<tool_call>{{ call.name }}\n{% for key, value in call.arguments | items %}<arg_key>{{ key }}</arg_key>\n<arg_value>" + Value + "</arg_value>\n{% endfor %}</tool_call>"),
        "lfm2" => ScriptedModel.Template("{{ call.name }}({% for key in call.arguments %}{{ key }}={{ call.arguments[key] | tojson }}{% endfor %})", "<|tool_call_start|>[", "]<|tool_call_end|>"),
        "gemma4" => ScriptedModel.Template("<|tool_call>call:{{ call.name }}{{ '{' }}{% for key in call.arguments %}{{ key }}:<|\"|>{{ call.arguments[key] }}<|\"|>{% endfor %}{{ '}' }}<tool_call|>"),
        "apertus" => ScriptedModel.Template("{\"{{ call.name }}\": {{ call.arguments | tojson }}}", "<|tools_prefix|>[", "]<|tools_suffix|>"),
        _ => ScriptedModel.Template(
            "<｜DSML｜invoke name=\"{{ call.name }}\">\n{% for key, value in call.arguments | items %}<｜DSML｜parameter name=\"{{ key }}\" string=\"{{ 'true' if value is string else 'false' }}\">"
            + Value + "</｜DSML｜parameter>\n{% endfor %}</｜DSML｜invoke>\n",
            "<｜DSML｜function_calls>\n",
            "</｜DSML｜function_calls>"),
    };

    private static async Task<string> CalledAsync(RunningEngine engine, ChatPrompt chat, int? seed)
    {
        var (events, _) = await engine.EventsAsync(RunningEngine.Chat("base", "x", 1500) with { Prompt = chat, Seed = seed, Temperature = seed is null ? 0 : 1 });
        Assert.True(events[^1].CallsTools, $"{events[^1].FinishReason} {events[^1].Failure?.Message} {string.Concat(events.Select(happened => happened.Text))}");
        Assert.Equal("apply_patch", events.SelectMany(happened => happened.ToolCalls).First().Name);
        return CustomInputReader.InputOf(Arguments(events), CustomTools.Parameter);
    }

    private static string Arguments(IEnumerable<GenerationEvent> events) => string.Concat(events.SelectMany(happened => happened.ToolCalls).Select(call => call.Arguments));
}
