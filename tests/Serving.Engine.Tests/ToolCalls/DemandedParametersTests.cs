using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Running;
using Serving.Engine.ToolCalls;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>Demanded calls of models that write parameters one by one: texts as they stand there and values as JSON, each by its schema.</summary>
public sealed class DemandedParametersTests
{
    private const string Schema = """
        {"type":"object","properties":{"name":{"type":"string","maxLength":12},"note":{"type":["string","null"],"maxLength":6},"code":{"type":"string","pattern":"^[0-9]{3}$"},
         "tags":{"type":"array","items":{"type":"string","maxLength":4},"maxItems":2},"some":{"$ref":"#/$defs/some"}},"required":["name","note","code"],"$defs":{"some":{"type":"number","minimum":1,"maximum":2}}}
        """;

    private const string Value = "{{ value if value is string else value | tojson }}";

    [Theory]
    [InlineData("qwen3_coder")]
    [InlineData("glm45")]
    [InlineData("deepseek_v32")]
    [InlineData("lfm2")]
    [InlineData("gemma4")]
    public async Task Required_WithTextsAndValues_FollowsTheSchema(string format)
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, format);
        var (optional, nulls, whole) = (0, 0, 0);
        for (var seed = 0; seed < 16; seed++)
        {
            var request = RunningEngine.Chat("base", "x", 2000) with { Prompt = Chat(Schema, strict: true), Seed = seed, Temperature = 1 };
            var (events, _) = await engine.EventsAsync(request);
            if (events[^1].FinishReason == FinishReason.Length)
            {
                continue;
            }

            whole++;
            using var arguments = JsonDocument.Parse(string.Concat(events.SelectMany(happened => happened.ToolCalls).Select(call => call.Arguments)));
            var root = arguments.RootElement;
            Assert.InRange(root.GetProperty("name").GetString()!.Length, 0, 12);
            Assert.Matches("^[0-9]{3}\\z", root.GetProperty("code").GetString());
            Assert.True(root.GetProperty("note").ValueKind == JsonValueKind.Null || root.GetProperty("note").GetString()!.Length <= 6);
            nulls += root.GetProperty("note").ValueKind == JsonValueKind.Null ? 1 : 0;
            if (root.TryGetProperty("tags", out var tags))
            {
                optional++;
                Assert.True(tags.GetArrayLength() <= 2 && tags.EnumerateArray().All(tag => tag.GetString()!.Length <= 4));
            }

            if (root.TryGetProperty("some", out var some))
            {
                optional++;
                Assert.InRange(some.GetDouble(), 1, 2);
            }
        }

        Assert.True(whole >= 12 && optional > 0, $"{whole} calls, {optional} optional parameters, {nulls} nulls");
    }

    /// <summary>What is said of the object as a whole cannot be kept by parameters one by one: refused where it is promised, not looked at where it is not.</summary>
    [Theory]
    [InlineData("{\"type\":\"object\",\"minProperties\":1,\"properties\":{\"a\":{\"type\":\"integer\"}}}", "minProperties")]
    [InlineData("{\"type\":\"object\",\"properties\":{\"a\":true},\"required\":[\"b\"]}", "required")]
    [InlineData("{\"type\":\"object\",\"properties\":{\"a>\":{\"type\":\"string\"}}}", "a>")]
    public async Task Submit_WhatCannotBeKept_IsRefusedForAStrictFunctionOnly(string schema, string named)
    {
        using var folder = new TemporaryFolder();
        await using var engine = Start(folder, "qwen3_coder");

        var (none, failure) = await engine.Client.SubmitAsync(RunningEngine.Chat("base", "x", 4) with { Prompt = Chat(schema, strict: true) }, TestContext.Current.CancellationToken);
        Assert.Null(none);
        Assert.Equal((RequestError.NotSupported, "tool_choice"), (failure!.Error, failure.Parameter));
        Assert.Contains(named, failure.Message, StringComparison.Ordinal);
        Assert.Contains("tools[0].function.parameters", failure.Message, StringComparison.Ordinal);

        var (events, _) = await engine.EventsAsync(RunningEngine.Chat("base", "x", 2000) with { Prompt = Chat(schema, strict: false), Seed = 1, Temperature = 1 });
        Assert.True(events[^1].CallsTools);
    }

    private static RunningEngine Start(TemporaryFolder folder, string format)
    {
        var template = format switch
        {
            "qwen3_coder" => ScriptedModel.Template(
                "<tool_call>\n<function={{ call.name }}>\n{% for key, value in call.arguments | items %}<parameter={{ key }}>\n" + Value + "\n</parameter>\n{% endfor %}</function>\n</tool_call>"),
            "glm45" => ScriptedModel.Template(
                "<tool_call>{{ call.name }}\n{% for key, value in call.arguments | items %}<arg_key>{{ key }}</arg_key>\n<arg_value>" + Value + "</arg_value>\n{% endfor %}</tool_call>"),
            "lfm2" => ScriptedModel.Template("{{ call.name }}({% for key in call.arguments %}{{ key }}={{ call.arguments[key] | tojson }}{% endfor %})", "<|tool_call_start|>[", "]<|tool_call_end|>"),
            "gemma4" => ScriptedModel.Template("<|tool_call>call:{{ call.name }}{{ '{' }}{% for key in call.arguments %}{{ key }}:<|\"|>{{ call.arguments[key] }}<|\"|>{% endfor %}{{ '}' }}<tool_call|>"),
            _ => ScriptedModel.Template(
                "<｜DSML｜invoke name=\"{{ call.name }}\">\n{% for key, value in call.arguments | items %}<｜DSML｜parameter name=\"{{ key }}\" string=\"{{ 'true' if value is string else 'false' }}\">"
                + Value + "</｜DSML｜parameter>\n{% endfor %}</｜DSML｜invoke>\n",
                "<｜DSML｜function_calls>\n",
                "</｜DSML｜function_calls>"),
        };
        ScriptedModel.Write(folder.Path, template, "Nothing", " to do", "｜DSML｜");
        var engine = RunningEngine.Start(change: options => options with { Model = folder.Path, AdaptersRoot = null, PoolBytes = 16 << 20 });
        Assert.Equal(format, engine.Client.Description.ToolCallParser);
        return engine;
    }

    private static ChatPrompt Chat(string schema, bool strict) => new(
        JsonSerializer.SerializeToElement(new[] { new { role = "user", content = "How is the weather?" } }),
        JsonDocument.Parse($$"""[{"type":"function","function":{"name":"f","strict":{{(strict ? "true" : "false")}},"parameters":{{schema}} } }]""").RootElement)
    {
        Choice = new ToolChoice(ToolChoiceKind.Function, "f"),
    };
}
