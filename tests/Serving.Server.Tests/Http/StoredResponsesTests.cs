using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;
using Serving.Server.Configuration;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>Responses that later ones go on from, by id.</summary>
public sealed class StoredResponsesTests
{
    private const string Path = "/v1/responses";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_PreviousResponse_IsGoneOnFromWithoutItsInstructions(bool stream)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = Think;

        var first = await AskAsync(daemon, "\"instructions\":\"Be brief.\",\"input\":\"How?\"", stream);
        daemon.Engine.Script = request => request.Say(["Rain"]);
        var second = await AskAsync(daemon, $"\"previous_response_id\":\"{Text(first, "id")}\",\"input\":[{{\"type\":\"function_call_output\",\"call_id\":\"call_1\",\"output\":\"rain\"}}]", stream);
        await AskAsync(daemon, $"\"previous_response_id\":\"{Text(second, "id")}\",\"instructions\":\"Be kind.\",\"input\":\"Sure?\"", stream);

        Assert.Equal((true, true), (first.GetProperty("store").GetBoolean(), second.GetProperty("store").GetBoolean()));
        Assert.Equal(Text(first, "id"), Text(second, "previous_response_id"));
        Assert.Equal(
            """[{"role":"system","content":"Be kind."},{"role":"user","content":"How?"},"""
            + """{"role":"assistant","content":"I look.","reasoning_content":"So.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},"""
            + """{"role":"tool","tool_call_id":"call_1","content":"rain"},{"role":"assistant","content":"Rain"},{"role":"user","content":"Sure?"}]""",
            Messages(daemon));
    }

    /// <summary>The Vercel AI SDK sends text and thoughts of earlier answers so.</summary>
    [Fact]
    public async Task Post_ItemReference_StandsForTheItem()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = Think;
        var output = (await AskAsync(daemon, "\"input\":\"How?\"")).GetProperty("output");
        daemon.Engine.Script = request => request.Say(["Rain"]);

        var second = await AskAsync(daemon, $$"""
            "input":[{"role":"user","content":"How?"},{"type":"item_reference","id":"{{Text(output[0], "id")}}"},{"type":"item_reference","id":"{{Text(output[1], "id")}}"},
              {"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"call_1","output":"rain"}]
            """);
        var messages = Messages(daemon);

        Assert.Equal(
            """[{"role":"user","content":"How?"},{"role":"assistant","content":"I look.","reasoning_content":"So.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},"""
            + """{"role":"tool","tool_call_id":"call_1","content":"rain"}]""",
            messages);

        // What was referred to is part of the second, whatever becomes of the first.
        var first = "resp_" + Text(output[0], "id")[3..^2];
        Assert.Equal(200, (await daemon.SendAsync(HttpMethod.Delete, $"{Path}/{first}")).Code);
        await AskAsync(daemon, $"\"previous_response_id\":\"{Text(second, "id")}\",\"input\":\"Sure?\"");
        Assert.Equal(messages[..^1] + """,{"role":"assistant","content":"Rain"},{"role":"user","content":"Sure?"}]""", Messages(daemon));
    }

    [Fact]
    public async Task GetAndDelete_GiveTheAnswerAsItWasUntilItIsGone()
    {
        await using var daemon = await TestDaemon.StartAsync();
        var answer = await daemon.PostAsync(Path, "{\"input\":\"hi\",\"metadata\":{\"a\":\"b\"},\"store\":true}");
        var path = $"{Path}/{Text(answer.Json, "id")}";

        Assert.Equal((200, answer.Text), ((await daemon.GetAsync(path)).Code, (await daemon.GetAsync(path)).Text));
        Assert.Matches("\nserving_response_store_bytes\\{\\} [1-9]", (await daemon.GetAsync("/metrics")).Text);
        Assert.Equal((400, "stream"), ((await daemon.GetAsync(path + "?stream=true")).Code, (await daemon.GetAsync(path + "?stream=true")).Param));
        Assert.Equal($$"""{"object":"response","deleted":true,"id":"{{Text(answer.Json, "id")}}"}""", Sorted((await daemon.SendAsync(HttpMethod.Delete, path)).Json));
        Assert.Equal((404, 404), ((await daemon.GetAsync(path)).Code, (await daemon.SendAsync(HttpMethod.Delete, path)).Code));
    }

    [Fact]
    public async Task Post_WhatIsAnothersOrGoneOrWasNotKept_IsNotFound()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());
        var kept = (await daemon.PostAsync(Path, "{\"input\":\"hi\"}", "key-one")).Json;
        var unkept = (await daemon.PostAsync(Path, "{\"input\":\"hi\",\"store\":false}", "key-one")).Json;
        var item = Text(kept.GetProperty("output")[0], "id");

        Assert.False(unkept.GetProperty("store").GetBoolean());
        Assert.Equal(200, (await daemon.GetAsync($"{Path}/{Text(kept, "id")}", "key-one")).Code);
        foreach (var (id, key) in new[] { (Text(kept, "id"), "key-two"), (Text(kept, "id"), "key-ops"), (Text(unkept, "id"), "key-one"), ("resp_1", "key-one"), ("", "key-one"), (new string('x', 5000), "key-one") })
        {
            var answer = await daemon.PostAsync(Path, $"{{\"input\":\"hi\",\"previous_response_id\":\"{id}\"}}", key);
            Assert.Equal((404, "previous_response_id"), (answer.Code, answer.Param));
            Assert.Equal(id.Length == 0 ? 405 : 404, (await daemon.GetAsync($"{Path}/{id}", key)).Code);
        }

        foreach (var (id, key) in new[] { (item, "key-two"), (item + "0", "key-one"), (item.Replace("msg_", "rs_", StringComparison.Ordinal), "key-one"), ("msg_1", "key-one"), ("_", "key-one"), ("", "key-one") })
        {
            var answer = await daemon.PostAsync(Path, $"{{\"input\":[{{\"type\":\"item_reference\",\"id\":\"{id}\"}}]}}", key);
            Assert.Equal((404, "input[0]"), (answer.Code, answer.Param));
        }

        Assert.Equal("input[0].id", (await daemon.PostAsync(Path, "{\"input\":[{\"type\":\"item_reference\",\"id\":3}]}", "key-one")).Param);
    }

    [Theory]
    [InlineData("\"store\":true", "store")]
    [InlineData("\"previous_response_id\":\"resp_1\"", "previous_response_id")]
    [InlineData("\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1_0\"}]", "input[0].type")]
    public async Task Post_WhereNothingIsKept_IsRefusedByItsField(string field, string parameter)
    {
        var options = new ServingOptions();
        options.Server.ResponseStoreSize = 0;
        await using var daemon = await TestDaemon.StartAsync(options);
        var input = field.Contains("input", StringComparison.Ordinal) ? "" : "\"input\":\"hi\",";

        var answer = await daemon.PostAsync(Path, $"{{{input}{field}}}");
        var plain = await daemon.PostAsync(Path, "{\"input\":\"hi\"}");

        Assert.Equal((400, parameter), (answer.Code, answer.Param));
        Assert.Contains("server.response_store_size", answer.Message, StringComparison.Ordinal);
        Assert.False(plain.Json.GetProperty("store").GetBoolean());
        Assert.Equal(404, (await daemon.GetAsync($"{Path}/{Text(plain.Json, "id")}")).Code);
    }

    [Fact]
    public async Task Post_BehindACallThatBrokeOff_LeavesItOut()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request =>
        {
            request.Send(new GenerationEvent { Choice = 0, Text = "I look.", Tokens = [1] });
            request.Send(new GenerationEvent { Choice = 0, ToolCalls = [new ToolCallDelta(0, "call_1", "f", "{\"a\"")], Tokens = [2] });
            request.Send(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Length });
            request.End();
        };
        var first = await AskAsync(daemon, "\"input\":\"How?\"");

        await AskAsync(daemon, $"\"previous_response_id\":\"{Text(first, "id")}\",\"input\":\"Go on.\"");

        Assert.Equal(2, first.GetProperty("output").GetArrayLength());
        Assert.Equal("""[{"role":"user","content":"How?"},{"role":"assistant","content":"I look."},{"role":"user","content":"Go on."}]""", Messages(daemon));
    }

    /// <summary>A request may not make the server work on more than it could bring itself.</summary>
    [Fact]
    public async Task Post_ConversationLongerThanABody_IsRefused()
    {
        var options = new ServingOptions();
        options.Server.MaxBodySize = 4096;
        await using var daemon = await TestDaemon.StartAsync(options);
        var id = Text(await AskAsync(daemon, $"\"input\":\"{new string('x', 2500)}\""), "id");
        id = Text(await AskAsync(daemon, $"\"previous_response_id\":\"{id}\",\"input\":\"{new string('x', 2500)}\""), "id");

        var answer = await daemon.PostAsync(Path, $"{{\"previous_response_id\":\"{id}\",\"input\":\"x\"}}");

        Assert.Equal((400, "previous_response_id"), (answer.Code, answer.Param));
    }

    /// <summary>A gateway may send the id of what it traces with every request that comes of it.</summary>
    [Fact]
    public async Task Post_TwiceWithOneRequestId_MakesTwoResponses()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Client.DefaultRequestHeaders.Add("x-request-id", "trace-1");

        var ids = new[] { await AskAsync(daemon, "\"input\":\"a\""), await AskAsync(daemon, "\"input\":\"b\"") }.Select(response => Text(response, "id")).ToList();

        Assert.NotEqual(ids[0], ids[1]);
        Assert.Equal((200, 200), ((await daemon.GetAsync($"{Path}/{ids[0]}")).Code, (await daemon.GetAsync($"{Path}/{ids[1]}")).Code));
    }

    [Fact]
    public async Task Post_AnswerThatFailed_IsNotKept()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request =>
        {
            request.Send(new GenerationEvent { Choice = 0, Text = "Hel", Tokens = [1] });
            request.Send(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Failed, Failure = new RequestFailure(RequestError.EngineFailed, "It failed.") });
            request.End();
        };

        var failed = await AskAsync(daemon, "\"input\":\"hi\"", stream: true);

        Assert.Equal("failed", Text(failed, "status"));
        Assert.Equal(404, (await daemon.GetAsync($"{Path}/{Text(failed, "id")}")).Code);
    }

    private static void Think(FakeRequest request)
    {
        request.Send(new GenerationEvent { Choice = 0, Reasoning = "So.", Tokens = [1] });
        request.Send(new GenerationEvent { Choice = 0, Text = "I look.", Tokens = [2] });
        request.Send(new GenerationEvent { Choice = 0, ToolCalls = [new ToolCallDelta(0, "call_1", "f", "{}")], Tokens = [3] });
        request.Send(new GenerationEvent { Choice = 0, FinishReason = FinishReason.Stop, CallsTools = true });
        request.End();
    }

    private static async Task<JsonElement> AskAsync(TestDaemon daemon, string fields, bool stream = false)
    {
        var answer = await daemon.PostAsync(Path, $"{{{fields},\"stream\":{(stream ? "true" : "false")}}}");
        Assert.True(answer.Code == 200, answer.Text);
        return stream ? JsonDocument.Parse(answer.Text.Split("data: ")[^1]).RootElement.GetProperty("response") : answer.Json;
    }

    private static string Messages(TestDaemon daemon) => ((ChatPrompt)daemon.Engine.Requests.Last().Request.Prompt).Messages.GetRawText();

    private static string Sorted(JsonElement json) =>
        $"{{{string.Join(',', new[] { "object", "deleted", "id" }.Select(name => $"\"{name}\":{json.GetProperty(name).GetRawText()}"))}}}";

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;
}
