using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>Anthropic's Messages API: what answers hold, streamed and whole.</summary>
public sealed class MessageStreamTests
{
    private const string Path = "/v1/messages";
    private const string Hi = "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]";

    private static readonly GenerationEvent Done = new() { Choice = 0, FinishReason = FinishReason.Stop };

    [Fact]
    public async Task Post_Stream_TellsOfThoughtsTextAndCallsInOrder()
    {
        GenerationEvent[] script =
        [
            new() { Choice = 0, Reasoning = "So", Tokens = [1] },
            new() { Choice = 0, Reasoning = ".", Text = "I ", Tokens = [2] },
            new() { Choice = 0, Text = "look.", Tokens = [3] },
            new() { Choice = 0, ToolCalls = [new ToolCallDelta(0, "call_1", "f", "{\"a\"")], Tokens = [4] },
            new() { Choice = 0, ToolCalls = [new ToolCallDelta(0, null, null, ":1.50}"), new ToolCallDelta(1, "functions.f:1", "f", "{}")], Tokens = [5] },
            Done with { CallsTools = true },
        ];

        var (stream, whole, events) = await BothAsync(script);

        Assert.Equal(
            """
            message_start
            ping
            content_block_start 0 {"type":"thinking","thinking":"","signature":""}
            content_block_delta 0 {"type":"thinking_delta","thinking":"So"}
            content_block_delta 0 {"type":"thinking_delta","thinking":"."}
            content_block_delta 0 {"type":"signature_delta","signature":"unsigned"}
            content_block_stop 0
            content_block_start 1 {"type":"text","text":""}
            content_block_delta 1 {"type":"text_delta","text":"I "}
            content_block_delta 1 {"type":"text_delta","text":"look."}
            content_block_stop 1
            content_block_start 2 {"type":"tool_use","id":"toolu_1","name":"f","input":{}}
            content_block_delta 2 {"type":"input_json_delta","partial_json":"{\"a\""}
            content_block_delta 2 {"type":"input_json_delta","partial_json":":1.50}"}
            content_block_stop 2
            content_block_start 3 {"type":"tool_use","id":"functions.f:1","name":"f","input":{}}
            content_block_delta 3 {"type":"input_json_delta","partial_json":"{}"}
            content_block_stop 3
            message_delta {"stop_reason":"tool_use","stop_sequence":null}
            message_stop
            """,
            string.Join('\n', events.Select(Line)));
        Assert.Equal(
            """[{"type":"thinking","thinking":"So.","signature":"unsigned"},{"type":"text","text":"I look."},"""
            + """{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1.50}},{"type":"tool_use","id":"functions.f:1","name":"f","input":{}}]""",
            whole.Json.GetProperty("content").GetRawText());
        Assert.Equal("tool_use", whole.Json.GetProperty("stop_reason").GetString());
        Assert.Equal(
            """{"input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":5,"output_tokens_details":{"thinking_tokens":2}}""",
            whole.Json.GetProperty("usage").GetRawText());
        Assert.Equal(whole.Json.GetProperty("usage").GetRawText(), events[^2].GetProperty("usage").GetRawText());
        var start = events[0].GetProperty("message");
        Assert.Equal(("msg_" + stream.Header("request-id"), "base", "[]", JsonValueKind.Null), (start.GetProperty("id").GetString(), start.GetProperty("model").GetString(), start.GetProperty("content").GetRawText(), start.GetProperty("stop_reason").ValueKind));
        Assert.Equal("""{"input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":0}""", start.GetProperty("usage").GetRawText());
        Assert.Equal("text/event-stream; charset=utf-8", stream.Response.Content.Headers.ContentType!.ToString());
    }

    /// <summary>Models that answer in channels think again behind what they say before a call.</summary>
    [Fact]
    public async Task Post_ThoughtsBehindContent_AreBlocksInTheirOrder()
    {
        var (_, whole, events) = await BothAsync(
            new() { Choice = 0, Reasoning = "So.", Tokens = [1] },
            new() { Choice = 0, Text = "I look.", Tokens = [2] },
            new() { Choice = 0, Reasoning = "Now.", Tokens = [3] },
            new() { Choice = 0, Text = "It rains.", Tokens = [4] },
            Done);

        string[] types = ["thinking", "text", "thinking", "text"];
        Assert.Equal(types, whole.Json.GetProperty("content").EnumerateArray().Select(block => block.GetProperty("type").GetString()));
        Assert.Equal(types, events.Where(happened => Type(happened) == "content_block_start").Select(happened => Type(happened.GetProperty("content_block"))));
    }

    [Fact]
    public async Task Post_CallThatBreaksOff_IsTextOfAWholeAnswerAndStaysInAStream()
    {
        var (_, whole, events) = await BothAsync(
            new() { Choice = 0, Text = "I ", Tokens = [3] },
            new() { Choice = 0, ToolCalls = [new ToolCallDelta(0, "call_1", "f", "{\"a\"")], Tokens = [4] },
            new() { Choice = 0, ToolCalls = [new ToolCallDelta(0, null, null, "", "<tool_call>")], Text = " no", Tokens = [5] },
            Done);

        Assert.Equal("""[{"type":"text","text":"I <tool_call>{\"a\" no"}]""", whole.Json.GetProperty("content").GetRawText());
        Assert.Equal("end_turn", whole.Json.GetProperty("stop_reason").GetString());
        Assert.Equal(["text", "tool_use", "text"], events.Where(happened => Type(happened) == "content_block_start").Select(happened => Type(happened.GetProperty("content_block"))));
        Assert.Equal([0, 1, 2], events.Where(happened => Type(happened) == "content_block_stop").Select(happened => happened.GetProperty("index").GetInt32()));
        Assert.Equal("end_turn", events[^2].GetProperty("delta").GetProperty("stop_reason").GetString());
    }

    [Fact]
    public async Task Post_AnswerWithoutText_HasNoContent()
    {
        var (_, whole, events) = await BothAsync(Done);

        Assert.Equal("[]", whole.Json.GetProperty("content").GetRawText());
        Assert.Equal(["message_start", "ping", "message_delta", "message_stop"], events.Select(Type));
    }

    [Theory]
    [InlineData(FinishReason.Length, null, 9, "max_tokens", null)]
    [InlineData(FinishReason.Length, null, 3, "model_context_window_exceeded", null)]
    [InlineData(FinishReason.Stop, "END", 3, "stop_sequence", "END")]
    [InlineData(FinishReason.Stop, 7, 3, "end_turn", null)]
    public async Task Post_WhatEndsAnAnswer_IsItsStopReason(FinishReason finish, object? by, int tokens, string reason, string? sequence)
    {
        var (_, whole, events) = await BothAsync(
            new() { Choice = 0, Text = "Hello", Tokens = [.. Enumerable.Range(1, tokens)] },
            Done with { FinishReason = finish, StopReason = by });

        foreach (var end in new[] { whole.Json, events[^2].GetProperty("delta") })
        {
            Assert.Equal((reason, sequence), (end.GetProperty("stop_reason").GetString(), end.GetProperty("stop_sequence").GetString()));
        }
    }

    [Theory]
    [InlineData(RequestError.EngineFailed, "api_error")]
    [InlineData(RequestError.Draining, "overloaded_error")]
    [InlineData(RequestError.SlowReader, "timeout_error")]
    public async Task Post_StreamThatFails_EndsWithAnErrorEvent(RequestError error, string type)
    {
        await using var daemon = await TestDaemon.StartAsync();
        Script(daemon, new GenerationEvent { Choice = 0, Text = "Hel", Tokens = [1] }, Done with { FinishReason = FinishReason.Failed, Failure = new RequestFailure(error, "It failed.") });

        var answer = await daemon.PostAsync(Path, $"{{{Hi},\"stream\":true}}");

        var events = Events(answer.Text);
        Assert.Equal(["message_start", "ping", "content_block_start", "content_block_delta", "error"], events.Select(Type));
        Assert.Equal(
            $$"""{"type":"error","error":{"type":"{{type}}","message":"It failed."},"request_id":"{{answer.Header("request-id")}}"}""",
            events[^1].GetRawText());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_FailureBeforeTheFirstToken_HasAStatus(bool stream)
    {
        await using var daemon = await TestDaemon.StartAsync();
        Script(daemon, Done with { FinishReason = FinishReason.Failed, Failure = new RequestFailure(RequestError.Draining, "Later.") });

        var answer = await daemon.PostAsync(Path, $"{{{Hi},\"stream\":{(stream ? "true" : "false")}}}");

        Assert.Equal((503, "overloaded_error", "Later."), (answer.Code, Type(answer.Error), answer.Message));
    }

    [Fact]
    public async Task Post_ClientThatGoesAway_CancelsItsRequest()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => request.Send(new GenerationEvent { Choice = 0, Text = "Hel", Tokens = [1] });
        using var content = new StringContent($"{{{Hi},\"stream\":true}}", System.Text.Encoding.UTF8, "application/json");
        using var message = new HttpRequestMessage(HttpMethod.Post, Path) { Content = content };
        using (await daemon.Client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken))
        {
            Assert.Equal(1, daemon.Engine.Running);
        }

        await daemon.Engine.Requests.First().Cancelled.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    private static async Task<(Answer Stream, Answer Whole, List<JsonElement> Events)> BothAsync(params GenerationEvent[] script)
    {
        await using var daemon = await TestDaemon.StartAsync();
        Script(daemon, script);
        var stream = await daemon.PostAsync(Path, $"{{{Hi},\"stream\":true}}");
        var whole = await daemon.PostAsync(Path, $"{{{Hi}}}");
        Assert.Equal((200, 200), (stream.Code, whole.Code));
        return (stream, whole, Events(stream.Text));
    }

    private static void Script(TestDaemon daemon, params GenerationEvent[] script) => daemon.Engine.Script = request =>
    {
        foreach (var happened in script)
        {
            request.Send(happened);
        }

        request.End();
    };

    private static List<JsonElement> Events(string stream)
    {
        var events = new List<JsonElement>();
        foreach (var block in stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = block.Split('\n');
            Assert.Equal(2, lines.Length);
            var json = JsonDocument.Parse(lines[1]["data: ".Length..]).RootElement;
            Assert.Equal("event: " + Type(json), lines[0]);
            events.Add(json);
        }

        return events;
    }

    private static string Line(JsonElement happened)
    {
        var parts = new[] { "index", "content_block", "delta" }.Select(name => happened.TryGetProperty(name, out var value) ? " " + value.GetRawText() : "");
        return Type(happened) + string.Concat(parts);
    }

    private static string Type(JsonElement element) => element.GetProperty("type").GetString()!;
}
