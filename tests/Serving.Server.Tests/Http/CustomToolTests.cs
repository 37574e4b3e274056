using System.Text.Json;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>OpenAI's custom tools: called with a text and not with arguments.</summary>
public sealed class CustomToolTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Responses = "/v1/responses";

    private const string ChatBody = """
        "messages":[{"role":"user","content":"hi"}],"tools":[{"type":"custom","custom":{"name":"patch","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: /(.|\\n)+/"}}}},{"type":"function","function":{"name":"g"}}]
        """;

    private const string ResponseBody = """
        "input":"hi","tools":[{"type":"custom","name":"patch","description":"d","format":{"type":"grammar","syntax":"lark","definition":"start: /(.|\\n)+/"}},{"type":"function","name":"g"}]
        """;

    private static readonly string[] Calls =
    [
        "See.\n<tool_call>{\"name\": \"patch\", ", "\"arguments\": {\"inp", "ut\": \"", "+ \\\"a\\\"\\", "n\\u00e9", "\"}}</tool_call>", "<tool_call>{\"name\":\"g\",\"arguments\":{\"input\":\"x\"}}</tool_call>",
    ];

    [Fact]
    public async Task PostChat_Whole_HasACallWithItsText()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, Calls);

        var answer = await daemon.PostAsync(Chat, $"{{{ChatBody}}}");

        var choice = answer.Json.GetProperty("choices")[0];
        Assert.Equal(
            """[{"id":"call_0","custom":{"name":"patch","input":"+ \"a\"\né"},"type":"custom"},{"id":"call_1","function":{"name":"g","arguments":"{\"input\":\"x\"}"},"type":"function"}]""",
            choice.GetProperty("message").GetProperty("tool_calls").GetRawText());
        Assert.Equal("tool_calls", choice.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task PostChat_StreamOfTwoChoices_SendsTheTextAsItComes()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, Calls);

        var answer = await daemon.PostAsync(Chat, $"{{{ChatBody},\"stream\":true,\"n\":2}}");

        var choices = answer.Events.SkipLast(1).Select(text => JsonDocument.Parse(text).RootElement.GetProperty("choices")[0]).ToList();
        for (var index = 0; index < 2; index++)
        {
            Assert.Equal(
                [
                    """[{"index":0,"id":"call_0","type":"custom","custom":{"name":"patch","input":""}}]""",
                    """[{"index":0,"custom":{"input":"+ \"a\""}}]""",
                    """[{"index":0,"custom":{"input":"\né"}}]""",
                    """[{"index":1,"id":"call_1","type":"function","function":{"name":"g","arguments":"{\"input\":\"x\"}"}}]""",
                ],
                choices.Where(choice => choice.GetProperty("index").GetInt32() == index && choice.GetProperty("delta").TryGetProperty("tool_calls", out _))
                    .Select(choice => choice.GetProperty("delta").GetProperty("tool_calls").GetRawText()));
        }
    }

    [Fact]
    public async Task PostChat_WithACallThatBreaksOff_HasItAsContent()
    {
        const string Broken = "<tool_call>{\"name\":\"patch\",\"arguments\":{\"input\":\"a\\n";
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, [.. Broken.Select(c => c.ToString())]);

        var answer = await daemon.PostAsync(Chat, $"{{{ChatBody}}}");

        Assert.Equal(Broken, answer.Json.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
    }

    [Fact]
    public async Task Post_ChoiceOfACustomTool_ReachesTheEngineTheSameOverBothApis()
    {
        await using var daemon = await TestDaemon.StartAsync();

        Assert.Equal(200, (await daemon.PostAsync(Chat, $"{{{ChatBody},\"tool_choice\":{{\"type\":\"custom\",\"custom\":{{\"name\":\"patch\"}}}}}}")).Code);
        Assert.Equal(200, (await daemon.PostAsync(Responses, $"{{{ResponseBody},\"tool_choice\":{{\"type\":\"custom\",\"name\":\"patch\"}}}}")).Code);

        var chats = daemon.Engine.Requests.Select(request => (ChatPrompt)request.Request.Prompt).ToList();
        Assert.All(chats, chat => Assert.Equal(new ToolChoice(ToolChoiceKind.Function, "patch"), chat.Choice));
        Assert.Equal("tool_choice", daemon.Engine.Requests.First().Request.EffectiveConstraint!.Field);
        var format = chats.Select(chat => CustomTools.FormatOf(chat.Tools!.Value[0], "tools[0]")).ToList();
        Assert.Equal(format[0], format[1]);
        Assert.Equal(new CustomFormat("lark", "start: /(.|\\n)+/", "tools[0].custom.format.grammar.definition"), format[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PostResponse_WholeAndStreamed_HasItemsOfTheCallAndGoesOnFromIt(bool stream)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, Calls);

        var answer = await daemon.PostAsync(Responses, $"{{{ResponseBody},\"stream\":{(stream ? "true" : "false")}}}");

        var events = stream ? answer.Text.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => JsonDocument.Parse(line[6..]).RootElement).ToList() : [];
        var response = stream ? events[^1].GetProperty("response") : answer.Json;
        var id = response.GetProperty("id").GetString()![5..];
        Assert.Equal(
            $$"""{"type":"custom_tool_call","id":"ctc_{{id}}_1","status":"completed","call_id":"call_0","name":"patch","input":"+ \"a\"\né"}""",
            response.GetProperty("output")[1].GetRawText());
        Assert.Equal("function_call", response.GetProperty("output")[2].GetProperty("type").GetString());
        Assert.Equal("custom", response.GetProperty("tools")[0].GetProperty("type").GetString());
        if (stream)
        {
            var about = events.Where(happened => happened.GetProperty("type").GetString()!.Contains("custom_tool_call_input", StringComparison.Ordinal)).ToList();
            Assert.Equal(["+ \"a\"", "\né"], about.SkipLast(1).Select(happened => happened.GetProperty("delta").GetString()));
            Assert.Equal(
                $$"""{"type":"response.custom_tool_call_input.done","sequence_number":{{about[^1].GetProperty("sequence_number").GetInt32()}},"output_index":1,"item_id":"ctc_{{id}}_1","input":"+ \"a\"\né"}""",
                about[^1].GetRawText());
        }

        await daemon.PostAsync(Responses, $$"""
            {"previous_response_id":"resp_{{id}}","input":[{"type":"custom_tool_call_output","call_id":"call_0","output":"done"},{"type":"function_call_output","call_id":"call_1","output":[{"type":"input_text","text":"y"}]}]}
            """);
        var messages = ((ChatPrompt)daemon.Engine.Requests.Last().Request.Prompt).Messages;
        Assert.Equal(
            """[{"id":"call_0","type":"custom","custom":{"name":"patch","input":"\u002B \u0022a\u0022\n\u00E9"}},{"id":"call_1","type":"function","function":{"name":"g","arguments":"{\u0022input\u0022:\u0022x\u0022}"}}]""",
            messages[1].GetProperty("tool_calls").GetRawText());
        Assert.Equal(["done", "y"], messages.EnumerateArray().Skip(2).Select(message => message.GetProperty("content").GetString()));
    }

    [Fact]
    public async Task PostResponse_OfACustomToolInANamespace_TellsWhoseItIs()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => CallEvents.Say(request, "<tool_call>{\"name\":\"files__patch\",\"arguments\":{\"input\":\"x\"}}</tool_call>");

        var answer = await daemon.PostAsync(Responses, """{"input":"hi","tools":[{"type":"namespace","name":"files","tools":[{"type":"custom","name":"patch"}]}]}""");

        var item = answer.Json.GetProperty("output")[0];
        Assert.Equal(("custom_tool_call", "patch", "files", "x"), (Text(item, "type"), Text(item, "name"), Text(item, "namespace"), Text(item, "input")));
    }

    [Theory]
    [InlineData(Chat, "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"a b\"}}]", "tools[0].custom.name")]
    [InlineData(Chat, "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"a\"}}],\"tool_choice\":{\"type\":\"custom\",\"name\":\"a\"}", "tool_choice")]
    [InlineData(Chat, "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"a\"}}],\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"b\"}}", "tool_choice")]
    [InlineData(Chat, "\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"type\":\"custom\",\"custom\":{\"name\":\"a\"}}]}]", "messages[0].tool_calls")]
    [InlineData(Responses, "\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"},{\"type\":\"custom\",\"name\":\"a b\"}]", "tools[1].name")]
    [InlineData(Responses, "\"input\":\"x\",\"tools\":[{\"type\":\"custom\",\"name\":\"a\",\"format\":{\"type\":\"json\"}}]", "tools[0].format.type")]
    [InlineData(Responses, "\"input\":\"x\",\"tools\":[{\"type\":\"custom\",\"name\":\"a\",\"format\":{\"type\":\"grammar\",\"syntax\":\"gbnf\",\"definition\":\"x\"}}]", "tools[0].format.syntax")]
    [InlineData(Responses, "\"input\":\"x\",\"tools\":[{\"type\":\"custom\",\"name\":\"a\",\"format\":{\"type\":\"grammar\",\"syntax\":\"lark\"}}]", "tools[0].format.definition")]
    [InlineData(Responses, "\"input\":\"x\",\"tools\":[{\"type\":\"custom\",\"name\":\"a\"}],\"tool_choice\":{\"type\":\"custom\"}", "tool_choice")]
    [InlineData(Responses, "\"input\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"a\"}]", "input[0].input")]
    [InlineData(Responses, "\"input\":[{\"type\":\"custom_tool_call_output\",\"output\":\"c\"}]", "input[0].call_id")]
    public async Task Post_WhatIsWrong_IsRefusedNamingIt(string path, string fields, string parameter)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(path, $"{{{fields}}}");

        Assert.Equal((400, parameter), (answer.Code, answer.Json.GetProperty("error").GetProperty("param").GetString()));
        Assert.Empty(daemon.Engine.Requests);
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}
