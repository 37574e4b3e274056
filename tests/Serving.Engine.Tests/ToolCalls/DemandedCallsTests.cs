using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Running;
using Serving.Engine.ToolCalls;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>Models that would never call a function by themselves, made to, in every format; and calls of their own that have to follow a schema.</summary>
public sealed class DemandedCallsTests
{
    private const string Weather = """
        {"type": "object", "properties": {"city": {"enum": ["Oslo", "Rome"]}, "days": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["city", "days"], "additionalProperties": false}
        """;

    private const string Hermes = "<tool_call>\n{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}}\n</tool_call>";
    private const string Mistral = "{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}, \"id\": \"{{ item.id }}\"}";
    private const string Llama = "{\"name\": \"{{ call.name }}\", \"parameters\": {{ call.arguments | tojson }}}";

    private const string Value = "{{ value if value is string else value | tojson }}";
    private const string Coder = "<tool_call>\n<function={{ call.name }}>\n{% for key, value in call.arguments | items %}<parameter={{ key }}>\n" + Value + "\n</parameter>\n{% endfor %}</function>\n</tool_call>";
    private const string Glm = "<tool_call>{{ call.name }}\n{% for key, value in call.arguments | items %}<arg_key>{{ key }}</arg_key>\n<arg_value>" + Value + "</arg_value>\n{% endfor %}</tool_call>";
    private const string DeepSeek = "<｜DSML｜invoke name=\"{{ call.name }}\">\n{% for key, value in call.arguments | items %}<｜DSML｜parameter name=\"{{ key }}\" string=\"{{ 'true' if value is string else 'false' }}\">" + Value
        + "</｜DSML｜parameter>\n{% endfor %}</｜DSML｜invoke>\n";

    private const string ObjectOfCall = "{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}}";
    private const string Python = "{{ call.name }}({% for key in call.arguments %}{{ key }}={{ call.arguments[key] | tojson }}{% endfor %})";

    public static TheoryData<string, string> Formats() => new() { { "qwen3_coder", "" }, { "glm45", "" }, { "deepseek_v32", "｜DSML｜" }, { "hermes", "" }, { "llama3_json", "" }, { "mistral", "" }, { "mistral", "[TOOL_CALLS]" }, { "mistral named", "" }, { "mistral named", "[TOOL_CALLS] [ARGS]" } };

    // Formats that are like others in everything but what the first test shows.
    public static TheoryData<string, string> MoreFormats() => new()
    {
        { "deepseek_v3", "<｜tool▁calls▁begin｜> <｜tool▁sep｜> ｜ ▁" }, { "kimi_k2", "" }, { "functionary_v3.1", "" }, { "granite", "<|tool_call|>" }, { "minimax", "" }, { "minimax_m2", "" },
        { "cohere_command3", "" }, { "apertus", "" }, { "pythonic", "" }, { "olmo3", "" }, { "gemma4", "" },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    [MemberData(nameof(MoreFormats))]
    public async Task Required_OfSeveral_CallsSomeByTheirSchemas(string format, string special)
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, format, special);
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(seed => CallsAsync(engine, Chat(new ToolChoice(ToolChoiceKind.Required)), seed)));
        foreach (var (calls, events) in answers)
        {
            Assert.True(calls.Count > 0, $"{events[^1].FinishReason} {events[^1].Failure?.Message} {string.Concat(events.Select(happened => happened.Text))}");
            Assert.Equal("", string.Concat(events.Select(happened => happened.Text)).Trim());
            Assert.True(events[^1] is { CallsTools: true, FinishReason: FinishReason.Stop });
            Assert.All(calls, AssertFollows);
        }

        Assert.Equal(3, answers.SelectMany(answer => answer.Calls).Select(call => call.Name).Distinct().Count());
        Assert.True(answers.Max(answer => answer.Calls.Count) > 1);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Function_ByName_IsCalledOnce(string format, string special)
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, format, special);
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => CallsAsync(engine, Chat(new ToolChoice(ToolChoiceKind.Function, "get_weather")), seed)));
        foreach (var (calls, _) in answers)
        {
            AssertFollows(Assert.Single(calls));
            Assert.Equal("get_weather", calls[0].Name);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Required_WithoutParallelCalls_CallsOne(string format, string special)
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, format, special);
        var chat = Chat(new ToolChoice(ToolChoiceKind.Required)) with { ParallelCalls = false };
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(seed => CallsAsync(engine, chat, seed)));
        Assert.All(answers, answer => AssertFollows(Assert.Single(answer.Calls)));
    }

    /// <summary>The model says something, begins a call that is none, and is led to a right one; what it says without a call stays what it is.</summary>
    [Fact]
    public async Task Strict_InACallThatTheModelBegins_FollowsTheSchema()
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, ScriptedModel.Template(Hermes), "I look", " it up", ".\n<tool_call>", "\n{\"name\": \"", "get_weather", "\", \"arguments\": ", "{\"town\": ");
        await using var engine = Start(folder);
        var (calls, events) = await CallsAsync(engine, Chat(ToolChoice.Auto, strict: true), seed: null);
        Assert.Equal("I look it up.\n", string.Concat(events.Select(happened => happened.Text)));
        Assert.Equal("get_weather", calls[0].Name);
        Assert.All(calls, AssertFollows);

        using var quiet = new TemporaryFolder();
        ScriptedModel.Write(quiet.Path, ScriptedModel.Template(Hermes), "Just", " <tool", " text", " {\"name\"");
        await using var other = Start(quiet);
        (calls, events) = await CallsAsync(other, Chat(ToolChoice.Auto, strict: true), seed: null);
        Assert.Empty(calls);
        Assert.Equal("Just <tool text {\"name\"", string.Concat(events.Select(happened => happened.Text)));
    }

    /// <summary>The same where a call is an expression, announced or the whole answer: an argument that the schema has not is led to one that it has.</summary>
    [Theory]
    [InlineData("<|tool_call_start|>[", "]<|tool_call_end|>", "I look it up.", "I look", " it up.", "<|tool_call_start|>", "[get_weather(", "town=")]
    [InlineData("[", "]", "", "[get_weather(", "town=")]
    public async Task Strict_InAnExpressionThatTheModelBegins_FollowsTheSchema(string before, string after, string text, params string[] pieces)
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, ScriptedModel.Template(Python, before, after), pieces);
        await using var engine = Start(folder);
        var (calls, events) = await CallsAsync(engine, Chat(ToolChoice.Auto, strict: true), seed: null);
        Assert.Equal(text, string.Concat(events.Select(happened => happened.Text)));
        Assert.Equal("get_weather", calls[0].Name);
        Assert.All(calls, AssertFollows);
    }

    [Theory]
    [InlineData("{\"type\":\"array\"}", false, RequestError.InvalidRequest)]
    [InlineData("{\"type\":\"object\",\"$ref\":\"https://example.com/schema\"}", true, RequestError.NotSupported)]
    public async Task Submit_OfASchemaThatCannotBeKept_IsRefusedNamingIt(string schema, bool strict, RequestError error)
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, "hermes", "");
        var tools = JsonDocument.Parse($$"""[{"type":"function","function":{"name":"f","strict":{{(strict ? "true" : "false")}},"parameters":{{schema}} } }]""").RootElement;
        var chat = Chat(new ToolChoice(ToolChoiceKind.Required)) with { Tools = tools };
        var (stream, failure) = await engine.Client.SubmitAsync(RunningEngine.Chat("base", "x") with { Prompt = chat }, TestContext.Current.CancellationToken);
        Assert.Null(stream);
        Assert.Equal((error, "tool_choice"), (failure!.Error, failure.Parameter));
        Assert.Contains("tools[0].function.parameters", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Submit_OfADemandThatCannotBeKept_IsRefused()
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, "hermes", "");
        var demand = RunningEngine.Chat("base", "x") with { Prompt = Chat(new ToolChoice(ToolChoiceKind.Required)) };
        await RefusedAsync(engine, demand with { Constraint = new PatternConstraint("a", "guided_regex") }, RequestError.InvalidRequest, "tool_choice");
        await RefusedAsync(engine, demand with { IgnoreEos = true }, RequestError.InvalidRequest, "ignore_eos");
        using var silent = new TemporaryFolder();
        await using var text = Start(silent, "hermes", "", parser: "none");
        await RefusedAsync(text, demand, RequestError.NotSupported, "tool_choice");
        await RefusedAsync(text, demand with { Prompt = Chat(ToolChoice.Auto, strict: true) }, RequestError.NotSupported, "tools");
    }

    private static async Task RefusedAsync(RunningEngine engine, GenerationRequest request, RequestError error, string field)
    {
        var (stream, failure) = await engine.Client.SubmitAsync(request, TestContext.Current.CancellationToken);
        Assert.Null(stream);
        Assert.Equal((error, field), (failure!.Error, failure.Parameter));
    }

    private static RunningEngine Start(TemporaryFolder folder, string format, string special, string parser = "auto")
    {
        var template = format switch
        {
            "hermes" => ScriptedModel.Template(Hermes),
            "qwen3_coder" => ScriptedModel.Template(Coder),
            "glm45" => ScriptedModel.Template(Glm),
            "deepseek_v32" => ScriptedModel.Template(DeepSeek, "<｜DSML｜function_calls>\n", "</｜DSML｜function_calls>"),
            "mistral" => ScriptedModel.Template(Mistral, "[TOOL_CALLS][", "]"),
            "deepseek_v3" => ScriptedModel.Template("<｜tool▁call▁begin｜>function<｜tool▁sep｜>{{ call.name }}\n```json\n{{ call.arguments | tojson }}\n```<｜tool▁call▁end｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
            "kimi_k2" => ScriptedModel.Template("<|tool_call_begin|>functions.{{ call.name }}:{{ loop.index0 }}<|tool_call_argument_begin|>{{ call.arguments | tojson }}<|tool_call_end|>", "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
            "functionary_v3.1" => ScriptedModel.Template("<function={{ call.name }}>{{ call.arguments | tojson }}</function>"),
            "granite" => ScriptedModel.Template(""),
            "minimax" => ScriptedModel.Template(ObjectOfCall + "\n", "<tool_calls>\n", "</tool_calls>"),
            "minimax_m2" => ScriptedModel.Template("<invoke name=\"{{ call.name }}\">\n{% for key, value in call.arguments | items %}<parameter name=\"{{ key }}\">" + Value + "</parameter>\n{% endfor %}</invoke>\n", "<minimax:tool_call>\n", "</minimax:tool_call>"),
            "cohere_command3" => ScriptedModel.Template("{\"tool_call_id\": \"0\", \"tool_name\": \"{{ call.name }}\", \"parameters\": {{ call.arguments | tojson }}}", "<|START_ACTION|>[\n    ", "\n]<|END_ACTION|>"),
            "apertus" => ScriptedModel.Template("{\"{{ call.name }}\": {{ call.arguments | tojson }}}", "<|tools_prefix|>[", "]<|tools_suffix|>"),
            "pythonic" => ScriptedModel.Template(Python, "[", "]"),
            "olmo3" => ScriptedModel.Template(Python + "\n", "<function_calls>\n", "</function_calls>"),
            "gemma4" => ScriptedModel.Template("<|tool_call>call:{{ call.name }}{{ '{' }}{% for key in call.arguments %}{{ key }}:<|\"|>{{ call.arguments[key] }}<|\"|>{% endfor %}{{ '}' }}<tool_call|>"),
            "mistral named" => ScriptedModel.Template("[TOOL_CALLS]{{ call.name }}[ARGS]{{ call.arguments | tojson }}"),
            _ => ScriptedModel.Template(Llama),
        };
        ScriptedModel.Write(folder.Path, template, ["Nothing", " to do", .. special.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        var engine = Start(folder, parser);
        Assert.Equal(parser == "none" ? null : format.Split(' ')[0], engine.Client.Description.ToolCallParser);
        return engine;
    }

    private static RunningEngine Start(TemporaryFolder folder, string parser = "auto") =>
        RunningEngine.Start(change: options => options with { Model = folder.Path, AdaptersRoot = null, ToolCallParser = parser, PoolBytes = 16 << 20 });

    private static ChatPrompt Chat(ToolChoice choice, bool strict = false) => new(
        JsonSerializer.SerializeToElement(new[] { new { role = "user", content = "How is the weather?" } }),
        JsonDocument.Parse($$"""
            [{"type":"function","function":{"name":"get_weather","parameters":{{Weather}},"strict":{{(strict ? "true" : "false")}} } },
             {"type":"function","function":{"name":"now"} },
             {"type":"function","function":{"name":"also","parameters":{"properties":{"yes":{"type":"boolean"} },"required":["yes"],"additionalProperties":false} } }]
            """).RootElement)
    {
        Choice = choice,
    };

    private static void AssertFollows((string Name, string Arguments) call)
    {
        using var arguments = JsonDocument.Parse(call.Arguments);
        var properties = arguments.RootElement.EnumerateObject().Select(property => property.Name).ToArray();
        switch (call.Name)
        {
            case "get_weather":
                Assert.Equal(["city", "days"], properties);
                Assert.True(arguments.RootElement.GetProperty("city").GetString() is "Oslo" or "Rome");
                Assert.InRange(arguments.RootElement.GetProperty("days").GetInt32(), 1, 9);
                break;
            case "also":
                Assert.Equal(["yes"], properties);
                Assert.True(arguments.RootElement.GetProperty("yes").ValueKind is JsonValueKind.True or JsonValueKind.False);
                break;
            default:
                Assert.Equal("now", call.Name);
                Assert.Empty(properties);
                break;
        }
    }

    private static async Task<(List<(string Name, string Arguments)> Calls, List<GenerationEvent> Events)> CallsAsync(RunningEngine engine, ChatPrompt chat, int? seed)
    {
        var request = RunningEngine.Chat("base", "x", 3000) with { Prompt = chat, Seed = seed, Temperature = seed is null ? 0 : 1 };
        var (stream, failure) = await engine.Client.SubmitAsync(request, TestContext.Current.CancellationToken);
        Assert.True(stream is not null, failure?.Message);
        await using (stream)
        {
            var events = new List<GenerationEvent>();
            await foreach (var happened in stream.ReadAllAsync(TestContext.Current.CancellationToken))
            {
                events.Add(happened);
            }

            var calls = events.SelectMany(happened => happened.ToolCalls).GroupBy(call => call.Index)
                .Select(parts => (parts.Select(part => part.Name).OfType<string>().Single(), string.Concat(parts.Select(part => part.Arguments))));
            return ([.. calls], events);
        }
    }
}
