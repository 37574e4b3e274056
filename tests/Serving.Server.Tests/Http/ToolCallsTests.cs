using System.Text.Json;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class ToolCallsTests
{
    private const string Path = "/v1/chat/completions";

    private static readonly string[] TwoCalls =
    [
        "Let me", " see.", "\n<tool_call>\n{\"name\": \"f\", ", "\"arguments\": {\"a\"", ": 1}", "}\n</tool_call>", "\n<tool_call>{\"name\":\"g\",\"arguments\":{}}</tool_call>",
    ];

    [Fact]
    public async Task Post_Whole_AnswersWithCallsAsOpenAiDoes()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, TwoCalls);

        var answer = await daemon.PostAsync(Path, $"{{{CallEvents.Chat}}}");

        var choice = answer.Json.GetProperty("choices")[0];
        Assert.Equal(
            """{"role":"assistant","content":"Let me see.\n","tool_calls":[{"id":"call_0","function":{"name":"f","arguments":"{\"a\": 1}"},"type":"function"},"""
            + """{"id":"call_1","function":{"name":"g","arguments":"{}"},"type":"function"}],"refusal":null}""",
            choice.GetProperty("message").GetRawText());
        Assert.Equal("tool_calls", choice.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task Post_WholeWithNothingButACall_HasNullForContent()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>");

        var answer = await daemon.PostAsync(Path, $"{{{CallEvents.Chat}}}");

        Assert.Equal(JsonValueKind.Null, answer.Json.GetProperty("choices")[0].GetProperty("message").GetProperty("content").ValueKind);
    }

    [Fact]
    public async Task Post_WholeWithACallThatBreaksOff_HasItAsContent()
    {
        const string Broken = "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":";
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, [.. Broken.Select(c => c.ToString())]);

        var answer = await daemon.PostAsync(Path, $"{{{CallEvents.Chat}}}");

        var choice = answer.Json.GetProperty("choices")[0];
        Assert.Equal(Broken, choice.GetProperty("message").GetProperty("content").GetString());
        Assert.False(choice.GetProperty("message").TryGetProperty("tool_calls", out _));
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task Post_Stream_SendsCallsInPartsAndTheirFinishReason()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, TwoCalls);

        var answer = await daemon.PostAsync(Path, $"{{{CallEvents.Chat},\"stream\":true}}");

        var choices = answer.Events.SkipLast(1).Select(text => JsonDocument.Parse(text).RootElement.GetProperty("choices")[0]).ToList();
        Assert.Equal(
            [
                """{"role":"assistant","content":""}""",
                """{"content":"Let me"}""",
                """{"content":" see."}""",
                """{"content":"\n"}""",
                """{"tool_calls":[{"index":0,"id":"call_0","type":"function","function":{"name":"f","arguments":"{\"a\""}}]}""",
                """{"tool_calls":[{"index":0,"function":{"arguments":": 1}"}}]}""",
                """{"tool_calls":[{"index":1,"id":"call_1","type":"function","function":{"name":"g","arguments":"{}"}}]}""",
                "{}",
            ],
            choices.Select(choice => choice.GetProperty("delta").GetRawText()));
        Assert.Equal("tool_calls", choices[^1].GetProperty("finish_reason").GetString());
    }

    [Theory]
    [InlineData("", ToolChoiceKind.Auto, true)]
    [InlineData(",\"tool_choice\":\"none\",\"parallel_tool_calls\":false", ToolChoiceKind.None, false)]
    [InlineData(",\"tool_choice\":null,\"parallel_tool_calls\":null", ToolChoiceKind.Auto, true)]
    public async Task Post_ChoiceAndParallelCalls_ReachTheEngine(string fields, ToolChoiceKind kind, bool parallel)
    {
        await using var daemon = await TestDaemon.StartAsync();

        await daemon.PostAsync(Path, $"{{{CallEvents.Chat}{fields}}}");

        var prompt = Assert.IsType<ChatPrompt>(Assert.Single(daemon.Engine.Requests).Request.Prompt);
        Assert.Equal((kind, parallel), (prompt.Choice.Kind, prompt.ParallelCalls));
    }
}
