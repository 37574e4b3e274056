using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class ResponsesEndpointTests
{
    private const string Path = "/v1/responses";

    [Fact]
    public async Task Post_Text_IsAnsweredAsOpenAiDoes()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, """{"model":"base","input":"hi","metadata":{"a":"b"},"temperature":0.5}""");

        Assert.Equal(200, answer.Code);
        var (json, id) = (answer.Json, answer.Header("x-request-id"));
        Assert.Equal(("resp_" + id, "response", "completed"), (Text(json, "id"), Text(json, "object"), Text(json, "status")));
        Assert.Equal(
            $$"""[{"type":"message","id":"msg_{{id}}_0","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hello world","annotations":[],"logprobs":[]}]}]""",
            json.GetProperty("output").GetRawText());
        Assert.Equal(
            """{"input_tokens":3,"input_tokens_details":{"cached_tokens":2},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":5}""",
            json.GetProperty("usage").GetRawText());
        Assert.Equal("""{"a":"b"}""", json.GetProperty("metadata").GetRawText());
        Assert.True(json.GetProperty("store").GetBoolean());
        Assert.Equal(JsonValueKind.Null, json.GetProperty("previous_response_id").ValueKind);
        Assert.Equal(0.5, json.GetProperty("temperature").GetDouble());
    }

    [Fact]
    public async Task Post_Items_BecomeAConversation()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, """
            {"instructions":"Be brief.","input":[
              {"role":"user","content":[{"type":"input_text","text":"How"},{"type":"input_text","text":"is it?"}]},
              {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"I look."}]},
              {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Let me see.","annotations":[]}]},
              {"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{}"},
              {"type":"function_call","call_id":"call_2","name":"g","arguments":"{\"a\":1}"},
              {"type":"function_call_output","call_id":"call_1","output":"rain"},
              {"type":"function_call_output","call_id":"call_2","output":[{"type":"input_text","text":"sun"}]},
              {"type":"message","role":"developer","content":"Now."}]}
            """);

        Assert.Equal(200, answer.Code);
        Assert.True(daemon.Engine.Requests.TryDequeue(out var request));
        Assert.Equal(
            """[{"role":"system","content":"Be brief."},{"role":"user","content":"How\nis it?"},"""
            + """{"role":"assistant","content":"Let me see.","reasoning_content":"I look.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}},"""
            + """{"id":"call_2","type":"function","function":{"name":"g","arguments":"{\u0022a\u0022:1}"}}]},"""
            + """{"role":"tool","tool_call_id":"call_1","content":"rain"},{"role":"tool","tool_call_id":"call_2","content":"sun"},{"role":"developer","content":"Now."}]""",
            ((ChatPrompt)request.Request.Prompt).Messages.GetRawText());
    }

    [Fact]
    public async Task Post_Settings_ReachTheEngine()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, """
            {"input":"hi","max_output_tokens":7,"top_p":0.9,"seed":3,"parallel_tool_calls":false,"reasoning":{"effort":"none","summary":"auto"},"store":false,"truncation":"disabled","background":false,
             "include":["message.output_text.logprobs","reasoning.encrypted_content"],"top_logprobs":2,"safety_identifier":"x","service_tier":"auto",
             "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":null}],"tool_choice":{"type":"function","name":"f"}}
            """);

        Assert.Equal(200, answer.Code);
        Assert.True(daemon.Engine.Requests.TryDequeue(out var taken));
        var (request, chat) = (taken.Request, (ChatPrompt)taken.Request.Prompt);
        Assert.Equal((7, true, 0.9f, 3L, 2), (request.MaxTokens, request.MaxTokensMayBeCut, request.TopP, request.Seed, request.TopLogprobs));
        Assert.Equal((false, "none", new ToolChoice(ToolChoiceKind.Function, "f")), (chat.ParallelCalls, chat.ReasoningEffort, chat.Choice));
        Assert.Equal("""[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}]""", chat.Tools!.Value.GetRawText());
        Assert.Equal("f", answer.Json.GetProperty("tools")[0].GetProperty("name").GetString());
    }

    /// <summary>What Codex sends with every request.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_ToolsOfAnAgent_AreThoseThatTheModelCanBeShown(bool stream)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => Play(
            request,
            new GenerationEvent { Choice = 0, ToolCalls = [new ToolCallDelta(0, "call_1", "agents__spawn", "{}")], Tokens = [4] },
            new GenerationEvent { Choice = 0, ToolCalls = [new ToolCallDelta(1, "call_2", "exec", "{}")], Tokens = [5] },
            new GenerationEvent { Choice = 0, FinishReason = FinishReason.Stop, CallsTools = true });

        var answer = await daemon.PostAsync(Path, $$$"""
            {"input":[{"role":"user","content":"Go."},{"type":"function_call","call_id":"call_0","name":"wait","namespace":"agents","arguments":"{}"},{"type":"function_call_output","call_id":"call_0","output":"done"}],
             "tools":[{"type":"function","name":"exec","strict":false,"parameters":{"type":"object"}},{"type":"web_search","external_web_access":false},
               {"type":"namespace","name":"agents","description":"Helpers.","tools":[{"type":"function","name":"spawn","description":"Starts one."},{"type":"function","name":"wait","parameters":{"type":"object"}}]}],
             "stream":{{{(stream ? "true" : "false")}}}}
            """);

        Assert.Equal(200, answer.Code);
        var chat = (ChatPrompt)daemon.Engine.Requests.Single().Request.Prompt;
        Assert.Equal(
            """[{"type":"function","function":{"name":"exec","strict":false,"parameters":{"type":"object"}}},"""
            + """{"type":"function","function":{"name":"agents__spawn","description":"Helpers.\n\nStarts one."}},{"type":"function","function":{"name":"agents__wait","parameters":{"type":"object"}}}]""",
            chat.Tools!.Value.GetRawText());
        Assert.Equal("agents__wait", Text(chat.Messages[1].GetProperty("tool_calls")[0].GetProperty("function"), "name"));
        var response = stream ? Events(answer.Text)[^1].GetProperty("response") : answer.Json;
        Assert.Equal(["exec", "agents"], response.GetProperty("tools").EnumerateArray().Select(tool => Text(tool, "name")));
        var calls = response.GetProperty("output").EnumerateArray().ToList();
        Assert.Equal(("spawn", "agents"), (Text(calls[0], "name"), Text(calls[0], "namespace")));
        Assert.Equal("exec", Text(calls[1], "name"));
        Assert.False(calls[1].TryGetProperty("namespace", out _));
    }

    [Fact]
    public async Task Post_Format_IsAConstraint()
    {
        await using var daemon = await TestDaemon.StartAsync();

        await daemon.PostAsync(Path, """{"input":"hi","text":{"format":{"type":"json_schema","name":"x","schema":{"type":"object"},"strict":true}}}""");
        await daemon.PostAsync(Path, """{"input":"hi","text":{"format":{"type":"json_object"},"verbosity":"medium"}}""");

        Assert.Equal("text.format.schema", Assert.IsType<JsonSchemaConstraint>(daemon.Engine.Requests.First().Request.Constraint).Field);
        Assert.IsType<JsonObjectConstraint>(daemon.Engine.Requests.Last().Request.Constraint);
    }

    [Theory]
    [InlineData("\"prompt\":{\"id\":\"p\"}", "prompt")]
    [InlineData("\"truncation\":\"auto\"", "truncation")]
    [InlineData("\"max_tool_calls\":3", "max_tool_calls")]
    [InlineData("\"max_tokens\":3", "max_tokens")]
    [InlineData("\"n\":2", "n")]
    [InlineData("\"response_format\":{\"type\":\"json_object\"}", "response_format")]
    [InlineData("\"include_reasoning\":false", "include_reasoning")]
    [InlineData("\"include\":[\"file_search_call.results\"]", "include")]
    [InlineData("\"top_logprobs\":2", "top_logprobs")]
    [InlineData("\"top_logprobs\":99,\"include\":[\"message.output_text.logprobs\"]", "top_logprobs")]
    [InlineData("\"metadata\":{\"a\":1}", "metadata")]
    [InlineData("\"max_output_tokens\":0", "max_output_tokens")]
    [InlineData("\"max_output_tokens\":\"x\"", "max_output_tokens")]
    [InlineData("\"reasoning\":{\"effort\":\"high\"}", "reasoning.effort")]
    [InlineData("\"reasoning\":{\"effort\":1}", "reasoning.effort")]
    [InlineData("\"reasoning\":{\"summary\":\"detailed\"}", "reasoning.summary")]
    [InlineData("\"text\":{\"verbosity\":\"low\"}", "text.verbosity")]
    [InlineData("\"text\":{\"format\":{\"type\":\"grammar\"}}", "text.format")]
    [InlineData("\"text\":{\"format\":{\"type\":\"json_object\"}},\"structured_outputs\":{\"regex\":\"a\"}", "structured_outputs.regex")]
    [InlineData("\"tools\":[{\"type\":\"web_search\"}]", "tools[0].type")]
    [InlineData("\"tools\":[{\"type\":\"web_search\"},{\"type\":\"tool_search\"}]", "tools[0].type")]
    [InlineData("\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"mcp\"}]", "tools[1].type")]
    [InlineData("\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"shell\",\"name\":\"g\"}]", "tools[1].type")]
    [InlineData("\"tools\":[{\"name\":\"f\"}]", "tools[0].type")]
    [InlineData("\"tools\":[{\"type\":\"namespace\",\"tools\":[]}]", "tools[0].name")]
    [InlineData("\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[]}]", "tools[0].tools")]
    [InlineData("\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[3]}]", "tools[0].tools[0].type")]
    [InlineData("\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\",\"name\":\"a\"},{\"type\":\"function\",\"name\":\"a\"}]}]", "tools[0].tools[1].name")]
    [InlineData("\"tools\":[{\"type\":\"web_search\"},{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\",\"name\":\"a b\"}]}]", "tools[1].tools[0].name")]
    [InlineData("\"tools\":[{\"type\":\"function\",\"name\":\"a b\"}]", "tools[0].name")]
    [InlineData("\"tool_choice\":{\"type\":\"file_search\"}", "tool_choice")]
    [InlineData("\"tool_choice\":\"required\"", "tool_choice")]
    public async Task Post_WhatIsNotDone_IsRefusedByItsField(string field, string parameter)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $"{{\"input\":\"hi\",{field}}}");

        Assert.Equal((400, parameter), (answer.Code, answer.Json.GetProperty("error").GetProperty("param").GetString()));
        Assert.Empty(daemon.Engine.Requests);
    }

    [Theory]
    [InlineData("null", "input")]
    [InlineData("[]", "input")]
    [InlineData("3", "input")]
    [InlineData("\"\\ud800\"", "input")]
    [InlineData("[3]", "input[0]")]
    [InlineData("[{}]", "input[0].type")]
    [InlineData("[{\"type\":\"web_search_call\"}]", "input[0].type")]
    [InlineData("[{\"role\":\"tool\",\"content\":\"x\"}]", "input[0].role")]
    [InlineData("[{\"role\":\"user\"}]", "input[0].content")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"x\"}]}]", "input[0].content")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\"}]}]", "input[0].content")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\"}]}]", "input[0].content")]
    [InlineData("[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}]", "input[0].call_id")]
    [InlineData("[{\"type\":\"function_call_output\",\"call_id\":\"c\"}]", "input[0].output")]
    [InlineData("[{\"type\":\"reasoning\",\"encrypted_content\":\"x\"}]", "input[0].encrypted_content")]
    public async Task Post_InputThatIsNotTaken_IsRefusedByItsPlace(string input, string parameter)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $"{{\"input\":{input}}}");

        Assert.Equal((400, parameter), (answer.Code, answer.Json.GetProperty("error").GetProperty("param").GetString()));
        Assert.Empty(daemon.Engine.Requests);
    }

    [Fact]
    public async Task Post_Stream_TellsOfThoughtsTextAndCallsInOrder()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => Play(
            request,
            new GenerationEvent { Choice = 0, Reasoning = "So", Tokens = [1] },
            new GenerationEvent { Choice = 0, Reasoning = ".", Text = "I ", Tokens = [2] },
            new GenerationEvent { Choice = 0, Text = "look.", Tokens = [3] },
            new GenerationEvent { Choice = 0, ToolCalls = [new ToolCallDelta(0, "call_1", "f", "{\"a\"")], Tokens = [4] },
            new GenerationEvent { Choice = 0, ToolCalls = [new ToolCallDelta(0, null, null, ":1}")], Tokens = [5] },
            new GenerationEvent { Choice = 0, FinishReason = FinishReason.Stop, CallsTools = true });

        var answer = await daemon.PostAsync(Path, $"{{\"input\":\"hi\",{Tools},\"stream\":true}}");

        var events = Events(answer.Text);
        Assert.Equal(
            [
                "response.created", "response.in_progress",
                "response.output_item.added", "response.content_part.added", "response.reasoning_text.delta", "response.reasoning_text.delta",
                "response.reasoning_text.done", "response.content_part.done", "response.output_item.done",
                "response.output_item.added", "response.content_part.added", "response.output_text.delta", "response.output_text.delta",
                "response.output_text.done", "response.content_part.done", "response.output_item.done",
                "response.output_item.added", "response.function_call_arguments.delta", "response.function_call_arguments.delta",
                "response.function_call_arguments.done", "response.output_item.done",
                "response.completed",
            ],
            events.Select(happened => Text(happened, "type")));
        Assert.Equal(Enumerable.Range(0, events.Count), events.Select(happened => happened.GetProperty("sequence_number").GetInt32()));
        Assert.Equal([0, 1, 2], events.Where(happened => Text(happened, "type") == "response.output_item.added").Select(happened => happened.GetProperty("output_index").GetInt32()));
        var last = events[^1].GetProperty("response");
        Assert.Equal(["reasoning", "message", "function_call"], last.GetProperty("output").EnumerateArray().Select(item => Text(item, "type")));
        Assert.Equal(
            events.Where(happened => Text(happened, "type") == "response.output_item.done").Select(happened => happened.GetProperty("item").GetRawText()),
            last.GetProperty("output").EnumerateArray().Select(item => item.GetRawText()));
        Assert.Equal("{\"a\":1}", last.GetProperty("output")[2].GetProperty("arguments").GetString());
        Assert.Equal("So.", last.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString());
        Assert.EndsWith("\n\n", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", answer.Text, StringComparison.Ordinal);
    }

    /// <summary>Models that answer in channels think again behind what they say before a call.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_ThoughtsBehindContent_AreItemsInTheirOrder(bool stream)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => Play(
            request,
            new GenerationEvent { Choice = 0, Reasoning = "So.", Tokens = [1] },
            new GenerationEvent { Choice = 0, Text = "I look.", Tokens = [2] },
            new GenerationEvent { Choice = 0, Reasoning = "Now.", Tokens = [3] },
            new GenerationEvent { Choice = 0, ToolCalls = [new ToolCallDelta(0, "call_1", "f", "{}")], Tokens = [4] },
            new GenerationEvent { Choice = 0, FinishReason = FinishReason.Stop, CallsTools = true });

        var answer = await daemon.PostAsync(Path, $"{{\"input\":\"hi\",{Tools},\"stream\":{(stream ? "true" : "false")}}}");

        var response = stream ? Events(answer.Text)[^1].GetProperty("response") : answer.Json;
        Assert.Equal(["reasoning", "message", "reasoning", "function_call"], response.GetProperty("output").EnumerateArray().Select(item => Text(item, "type")));
        Assert.Equal(["So.", "I look.", "Now."], response.GetProperty("output").EnumerateArray().Take(3).Select(item => Text(item.GetProperty("content")[0], "text")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_AnswerThatIsCutOff_IsIncomplete(bool stream)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => request.Say(["Hello"], FinishReason.Length);

        var answer = await daemon.PostAsync(Path, $"{{\"input\":\"hi\",\"stream\":{(stream ? "true" : "false")}}}");

        var response = stream ? Events(answer.Text)[^1].GetProperty("response") : answer.Json;
        Assert.Equal(("incomplete", "max_output_tokens"), (Text(response, "status"), Text(response.GetProperty("incomplete_details"), "reason")));
        Assert.Equal("incomplete", Text(response.GetProperty("output")[0], "status"));
        Assert.True(!stream || Text(Events(answer.Text)[^1], "type") == "response.incomplete");
    }

    [Fact]
    public async Task Post_CallThatBreaksOff_IsAnIncompleteItemBeforeItsText()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => Play(
            request,
            new GenerationEvent { Choice = 0, ToolCalls = [new ToolCallDelta(0, "call_1", "f", "{\"a\"")], Tokens = [4] },
            new GenerationEvent { Choice = 0, ToolCalls = [new ToolCallDelta(0, null, null, "", "<tool_call>")], Text = " no", Tokens = [5] },
            new GenerationEvent { Choice = 0, FinishReason = FinishReason.Stop });

        var output = (await daemon.PostAsync(Path, $"{{\"input\":\"hi\",{Tools}}}")).Json.GetProperty("output");

        Assert.Equal(["function_call incomplete", "message completed"], output.EnumerateArray().Select(item => $"{Text(item, "type")} {Text(item, "status")}"));
    }

    [Fact]
    public async Task Post_AnswerWithoutText_HasAnEmptyMessage()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => request.Say([]);

        var output = (await daemon.PostAsync(Path, "{\"input\":\"hi\"}")).Json.GetProperty("output");

        Assert.Equal("", output[0].GetProperty("content")[0].GetProperty("text").GetString());
    }

    [Fact]
    public async Task Post_Logprobs_StandWithTheTextAndItsDeltas()
    {
        await using var daemon = await TestDaemon.StartAsync();
        const string Body = "\"input\":\"hi\",\"include\":[\"message.output_text.logprobs\"],\"top_logprobs\":1";

        var whole = await daemon.PostAsync(Path, $"{{{Body}}}");
        var stream = await daemon.PostAsync(Path, $"{{{Body},\"stream\":true}}");

        var logprobs = whole.Json.GetProperty("output")[0].GetProperty("content")[0].GetProperty("logprobs");
        Assert.Equal(["Hello", " world"], logprobs.EnumerateArray().Select(token => Text(token, "token")));
        var deltas = Events(stream.Text).Where(happened => Text(happened, "type") == "response.output_text.delta");
        Assert.Equal(["Hello", " world"], deltas.Select(delta => Text(Assert.Single(delta.GetProperty("logprobs").EnumerateArray()), "token")));
    }

    [Fact]
    public async Task Post_StreamThatFails_EndsWithIt()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => Play(
            request,
            new GenerationEvent { Choice = 0, Text = "Hel", Tokens = [1] },
            new GenerationEvent { Choice = 0, FinishReason = FinishReason.Failed, Failure = new RequestFailure(RequestError.EngineFailed, "It failed.") });

        var events = Events((await daemon.PostAsync(Path, "{\"input\":\"hi\",\"stream\":true}")).Text);

        Assert.Equal(("response.failed", "failed"), (Text(events[^1], "type"), Text(events[^1].GetProperty("response"), "status")));
        Assert.Equal("""{"code":"server_error","message":"It failed."}""", events[^1].GetProperty("response").GetProperty("error").GetRawText());
    }

    [Fact]
    public async Task Post_EngineThatRefuses_NamesTheFieldsOfAResponse()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Refusal = new RequestFailure(RequestError.ContextTooLong, "messages: too long.", "messages");

        var answer = await daemon.PostAsync(Path, "{\"input\":\"hi\"}");

        Assert.Equal(("input", "input: too long."), (Text(answer.Json.GetProperty("error"), "param"), Text(answer.Json.GetProperty("error"), "message")));
    }

    private const string Tools = """
        "tools":[{"type":"function","name":"f"}]
        """;

    private static void Play(FakeRequest request, params GenerationEvent[] events)
    {
        foreach (var happened in events)
        {
            request.Send(happened);
        }

        request.End();
    }

    private static List<JsonElement> Events(string stream)
    {
        var events = new List<JsonElement>();
        foreach (var block in stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = block.Split('\n');
            Assert.Equal(2, lines.Length);
            var json = JsonDocument.Parse(lines[1]["data: ".Length..]).RootElement;
            Assert.Equal("event: " + Text(json, "type"), lines[0]);
            events.Add(json);
        }

        return events;
    }

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;
}
