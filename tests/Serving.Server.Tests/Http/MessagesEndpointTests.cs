using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.ToolCalls;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>Anthropic's Messages API: what becomes of requests, whole answers, failures, keys.</summary>
public sealed class MessagesEndpointTests
{
    private const string Path = "/v1/messages";
    private const string CountPath = "/v1/messages/count_tokens";
    private const string Hi = "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
    private const string Tool = "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]";

    [Fact]
    public async Task Post_Text_IsAnsweredAsAnthropicDoes()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $"{{\"model\":\"base\",{Hi}}}");

        Assert.Equal(200, answer.Code);
        var id = answer.Header("request-id");
        Assert.Equal(answer.Header("x-request-id"), id);
        Assert.Equal(
            $$"""{"id":"msg_{{id}}","type":"message","role":"assistant","model":"base","content":[{"type":"text","text":"Hello world"}],"stop_reason":"end_turn","stop_sequence":null,"usage":"""
            + """{"input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":2,"output_tokens":2}}""",
            answer.Text);
    }

    [Fact]
    public async Task Post_Blocks_BecomeAConversation()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, """
            {"max_tokens":5,"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}},{"type":"text","text":"Be kind."}],"messages":[
              {"role":"user","content":"How"},
              {"role":"user","content":[{"type":"text","text":"is","citations":null},{"type":"text","text":"it?","cache_control":{"type":"ephemeral"}}]},
              {"role":"assistant","content":[{"type":"thinking","thinking":"I look.","signature":"unsigned"},{"type":"redacted_thinking","data":"x"},{"type":"text","text":"Let me see."},
                {"type":"tool_use","id":"toolu_1","name":"f","input":{},"caller":{"type":"direct"}}]},
              {"role":"assistant","content":[{"type":"tool_use","id":"functions.g:1","name":"g","input":{"a":1.50}}]},
              {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"rain"},
                {"type":"tool_result","tool_use_id":"functions.g:1","is_error":true,"content":[{"type":"text","text":"no"},{"type":"text","text":"sun"}]},{"type":"tool_result","tool_use_id":"toolu_3"},
                {"type":"text","text":"Now?"}]},
              {"role":"system","content":"Hurry."}]}
            """);

        Assert.Equal((200, ""), (answer.Code, answer.Code == 200 ? "" : answer.Text));
        Assert.Equal(
            """[{"role":"system","content":"Be brief.\nBe kind."},{"role":"user","content":"How\nis\nit?"},"""
            + """{"role":"assistant","content":"Let me see.","reasoning_content":"I look.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":{}}},"""
            + """{"id":"functions.g:1","type":"function","function":{"name":"g","arguments":{"a":1.50}}}]},"""
            + """{"role":"tool","tool_call_id":"call_1","content":"rain"},{"role":"tool","tool_call_id":"functions.g:1","content":"Error: no\nsun"},{"role":"tool","tool_call_id":"call_3","content":""},"""
            + """{"role":"user","content":"Now?"},{"role":"system","content":"Hurry."}]""",
            Chat(daemon).Messages.GetRawText());
    }

    [Fact]
    public async Task Post_Settings_ReachTheEngine()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $$"""
            {{{Hi}},"temperature":0.5,"top_p":0.9,"top_k":7,"stop_sequences":["a","b"],"seed":3,"metadata":{"user_id":"u"},"service_tier":"auto","speed":"standard","cache_control":{"type":"ephemeral"},
             "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"} ]},"mcp_servers":[],"container":null,
             "tools":[{"type":"custom","name":"f","description":"d","input_schema":{"type":"object"},"strict":false,"defer_loading":false,"eager_input_streaming":true,"cache_control":{"type":"ephemeral"} }],
             "tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true} }
            """);

        Assert.Equal((200, ""), (answer.Code, answer.Code == 200 ? "" : answer.Text));
        Assert.True(daemon.Engine.Requests.TryPeek(out var taken));
        var (request, chat) = (taken.Request, Chat(daemon));
        Assert.Equal((9, 0.5f, 0.9f, 7, 3L, true), (request.MaxTokens, request.Temperature, request.TopP, request.TopK, request.Seed, request.MaxTokensMayBeCut));
        Assert.Equal(["a", "b"], request.Stop);
        Assert.Equal((false, new ToolChoice(ToolChoiceKind.Function, "f")), (chat.ParallelCalls, chat.Choice));
        Assert.Equal("""[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":false}}]""", chat.Tools!.Value.GetRawText());
    }

    [Theory]
    [InlineData("{\"type\":\"auto\"}", ToolChoiceKind.Auto, true)]
    [InlineData("{\"type\":\"any\"}", ToolChoiceKind.Required, true)]
    [InlineData("{\"type\":\"none\"}", ToolChoiceKind.None, true)]
    [InlineData("{\"type\":\"any\",\"disable_parallel_tool_use\":true}", ToolChoiceKind.Required, false)]
    public async Task Post_ToolChoice_IsAChats(string choice, ToolChoiceKind kind, bool parallel)
    {
        await using var daemon = await TestDaemon.StartAsync();

        await daemon.PostAsync(Path, $"{{{Hi},{Tool},\"tool_choice\":{choice}}}");

        Assert.Equal((kind, parallel), (Chat(daemon).Choice.Kind, Chat(daemon).ParallelCalls));
    }

    [Theory]
    [InlineData("\"seed\":1", null, false, true)]
    [InlineData("\"thinking\":{\"type\":\"adaptive\"}", null, false, true)]
    [InlineData("\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}", null, false, false)]
    [InlineData("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}", null, true, true)]
    [InlineData("\"thinking\":{\"type\":\"disabled\"}", "none", false, true)]
    [InlineData("\"output_config\":{\"effort\":\"medium\"},\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024,\"display\":\"summarized\"}", "medium", true, true)]
    public async Task Post_Thinking_BecomesAnEffort(string field, string? effort, bool wished, bool shown)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $"{{{Hi.Replace(":9", ":1025", StringComparison.Ordinal)},{field}}}");

        Assert.Equal(200, answer.Code);
        Assert.Equal(wished ? 1024 : null, Chat(daemon).ThinkingBudget);
        Assert.Equal((effort, wished, shown), (Chat(daemon).ReasoningEffort, Chat(daemon).ThinksIfItCan, daemon.Engine.Requests.First().Request.IncludeReasoning));
    }

    [Theory]
    [InlineData("\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}}", "output_config.format.schema")]
    [InlineData("\"output_format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}", "output_format.schema")]
    public async Task Post_Format_IsAConstraint(string field, string name)
    {
        await using var daemon = await TestDaemon.StartAsync();

        await daemon.PostAsync(Path, $"{{{Hi},{field}}}");

        Assert.Equal(name, Assert.IsType<JsonSchemaConstraint>(daemon.Engine.Requests.First().Request.Constraint).Field);
    }

    [Theory]
    [InlineData(RequestError.QueueFull, 529, "overloaded_error")]
    [InlineData(RequestError.TenantLimit, 429, "rate_limit_error")]
    [InlineData(RequestError.RateLimited, 429, "rate_limit_error")]
    [InlineData(RequestError.Draining, 503, "overloaded_error")]
    [InlineData(RequestError.EngineFailed, 503, "api_error")]
    [InlineData(RequestError.ModelNotFound, 404, "not_found_error")]
    [InlineData(RequestError.AdapterInvalid, 422, "invalid_request_error")]
    [InlineData(RequestError.DeadlineExceeded, 504, "timeout_error")]
    public async Task Post_EngineThatRefuses_IsToldInAnthropicsWords(RequestError error, int status, string type)
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Refusal = Failures.Of(error) with { RetryAfter = TimeSpan.FromSeconds(2) };

        var answer = await daemon.PostAsync(Path, $"{{{Hi}}}");

        MessageRefusalTests.AssertRefused(answer, status, type, "");
        Assert.Equal(ErrorIsTemporary(error) ? "2" : null, answer.Header("Retry-After"));
    }

    [Fact]
    public async Task Post_PromptThatIsTooLong_IsToldInTheWordsThatAgentsLookFor()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Refusal = new RequestFailure(RequestError.ContextTooLong, "3000 tokens.", "messages");

        MessageRefusalTests.AssertRefused(await daemon.PostAsync(Path, $"{{{Hi}}}"), 400, "invalid_request_error", "prompt is too long: 3000 tokens.");
    }

    [Fact]
    public async Task Send_WhatNoEndpointAnswers_HasAnthropicsBodyToo()
    {
        await using var daemon = await TestDaemon.StartAsync();

        MessageRefusalTests.AssertRefused(await daemon.GetAsync(Path), 405, "invalid_request_error", "");
        MessageRefusalTests.AssertRefused(await daemon.PostAsync(Path + "/batches", "{}"), 404, "not_found_error", "");
        MessageRefusalTests.AssertRefused(await daemon.PostAsync(Path, "{"), 400, "invalid_request_error", "The body is not valid JSON");
        using var text = new StringContent("{}", System.Text.Encoding.UTF8, "text/plain");
        using var answer = await daemon.Client.PostAsync(Path, text);
        Assert.Equal(415, (int)answer.StatusCode);
        Assert.Contains("invalid_request_error", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Post_Keys_AreTakenInEitherHeader()
    {
        using var tenants = new TestTenants();
        await using var daemon = await TestDaemon.StartAsync(tenants.Options());

        Assert.Equal(200, (await daemon.PostAsync(Path, $"{{{Hi}}}", "key-two")).Code);
        var without = await daemon.PostAsync(Path, $"{{{Hi}}}");
        MessageRefusalTests.AssertRefused(without, 401, "authentication_error", "A valid API key is needed: x-api-key");
        daemon.Client.DefaultRequestHeaders.Add("x-api-key", "key-one");
        daemon.Client.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");
        daemon.Client.DefaultRequestHeaders.Add("anthropic-beta", "some-beta-2026-01-01");
        Assert.Equal(200, (await daemon.PostAsync(Path, $"{{{Hi}}}")).Code);
        Assert.Equal(200, (await daemon.PostAsync(CountPath, $"{{{Hi}}}")).Code);
        Assert.Equal(200, (await daemon.GetAsync("/v1/models")).Code);

        // Where there are both, the one that holds everywhere counts; elsewhere there is no other.
        Assert.Equal(401, (await daemon.PostAsync(Path, $"{{{Hi}}}", "wrong")).Code);
        Assert.Equal(401, (await daemon.PostAsync("/v1/completions", """{"prompt":"x"}""")).Code);
        Assert.Equal(401, (await daemon.GetAsync("/v1/status")).Code);
        daemon.Client.DefaultRequestHeaders.Add("x-api-key", "key-two");
        Assert.Equal(401, (await daemon.PostAsync(Path, $"{{{Hi}}}")).Code);
        Assert.Equal(["two", "one"], daemon.Engine.Requests.Select(request => request.Request.Tenant.Id.Value));
    }

    [Fact]
    public async Task Count_CountsTheChatsPrompt()
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(CountPath, $"{{\"model\":\"base\",{Hi},\"system\":\"x\",{Tool},\"thinking\":{{\"type\":\"disabled\"}}}}");

        Assert.Equal((200, """{"input_tokens":1}"""), (answer.Code, answer.Text));
        MessageRefusalTests.AssertRefused(await daemon.PostAsync(CountPath, $"{{\"model\":\"nobody\",{Hi}}}"), 404, "not_found_error", "model");
        Assert.Empty(daemon.Engine.Requests);
    }

    [Fact]
    public async Task Models_WhoSpeaksAnthropics_GetsItsShape()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Client.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");

        var list = (await daemon.GetAsync("/v1/models")).Json;

        Assert.Equal(("base", "pirate", false), (list.GetProperty("first_id").GetString(), list.GetProperty("last_id").GetString(), list.GetProperty("has_more").GetBoolean()));
        Assert.Equal("""{"id":"base","display_name":"base","created_at":"2023-11-14T22:13:20Z","max_input_tokens":2048,"type":"model"}""", list.GetProperty("data")[0].GetRawText());
        Assert.Equal("json", (await daemon.GetAsync("/v1/models/json")).Json.GetProperty("id").GetString());
        MessageRefusalTests.AssertRefused(await daemon.GetAsync("/v1/models/nobody"), 404, "not_found_error", "model");
    }

    private static bool ErrorIsTemporary(RequestError error) => error is not (RequestError.ModelNotFound or RequestError.AdapterInvalid or RequestError.DeadlineExceeded);

    private static ChatPrompt Chat(TestDaemon daemon) => (ChatPrompt)daemon.Engine.Requests.First().Request.Prompt;
}
