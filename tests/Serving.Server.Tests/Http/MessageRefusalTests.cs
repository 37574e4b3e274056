using System.Text.RegularExpressions;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

/// <summary>Anthropic's Messages API: what is not taken is refused by its field, before it reaches the engine. One daemon for all.</summary>
public sealed class MessageRefusalTests(RefusingDaemon daemon) : IClassFixture<RefusingDaemon>
{
    private const string Path = "/v1/messages";
    private const string CountPath = "/v1/messages/count_tokens";
    private const string Hi = "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

    [Theory]
    [InlineData("\"container\":\"c\"", "container")]
    [InlineData("\"mcp_servers\":[{}]", "mcp_servers")]
    [InlineData("\"context_management\":{\"edits\":[{\"type\":\"clear_tool_uses_20250919\"}]}", "context_management")]
    [InlineData("\"speed\":\"fast\"", "speed")]
    [InlineData("\"service_tier\":\"flex\"", "service_tier")]
    [InlineData("\"inference_geo\":\"eu\"", "inference_geo")]
    [InlineData("\"logprobs\":true", "logprobs")]
    [InlineData("\"reasoning_effort\":\"none\"", "reasoning_effort")]
    [InlineData("\"stop\":[\"x\"]", "stop")]
    [InlineData("\"n\":2", "n")]
    [InlineData("\"user\":\"u\"", "user")]
    [InlineData("\"prompt_schema\":\"s\"", "prompt_schema")]
    [InlineData("\"stream_options\":{}", "stream_options")]
    [InlineData("\"response_format\":{\"type\":\"json_object\"}", "response_format")]
    [InlineData("\"max_completion_tokens\":3", "max_completion_tokens")]
    [InlineData("\"metadata\":3", "metadata")]
    [InlineData("\"metadata\":{\"user_id\":3}", "metadata.user_id")]
    [InlineData("\"temperature\":1.5", "temperature")]
    [InlineData("\"temperature\":-1", "temperature")]
    [InlineData("\"top_p\":0", "top_p")]
    [InlineData("\"stop_sequences\":[\"\"]", "stop_sequences")]
    [InlineData("\"stop_sequences\":3", "stop_sequences")]
    [InlineData("\"max_tokens\":null", "max_tokens")]
    [InlineData("\"max_tokens\":0", "max_tokens")]
    [InlineData("\"thinking\":3", "thinking")]
    [InlineData("\"thinking\":{\"type\":\"between_tools\"}", "thinking.type")]
    [InlineData("\"thinking\":{\"type\":\"enabled\"}", "thinking.budget_tokens")]
    [InlineData("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}", "thinking.budget_tokens")]
    [InlineData("\"thinking\":{\"type\":\"adaptive\",\"display\":\"x\"}", "thinking.display")]
    [InlineData("\"thinking\":{\"type\":\"disabled\"},\"output_config\":{\"effort\":\"low\"}", "output_config.effort")]
    [InlineData("\"output_config\":{\"effort\":\"high\"}", "output_config.effort")]
    [InlineData("\"output_config\":3", "output_config")]
    [InlineData("\"output_config\":{\"format\":{\"type\":\"grammar\"}}", "output_config.format")]
    [InlineData("\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}},\"structured_outputs\":{\"regex\":\"a\"}", "structured_outputs.regex")]
    [InlineData("\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]", "tools[0].type")]
    [InlineData("\"tools\":[{\"name\":\"f\"}]", "tools[0].input_schema")]
    [InlineData("\"tools\":[{\"name\":\"a b\",\"input_schema\":{}}]", "tools[0].name")]
    [InlineData("\"tools\":[{\"name\":\"f\",\"input_schema\":{},\"defer_loading\":true}]", "tools[0].defer_loading")]
    [InlineData("\"tools\":[{\"name\":\"f\",\"input_schema\":{},\"input_examples\":[{}]}]", "tools[0].input_examples")]
    [InlineData("\"tool_choice\":{\"type\":\"any\"}", "tool_choice")]
    [InlineData("\"tool_choice\":\"auto\"", "tool_choice")]
    [InlineData("\"tool_choice\":{\"type\":\"tool\"}", "tool_choice")]
    [InlineData("\"system\":3", "system")]
    [InlineData("\"system\":\"\\ud800\"", "system")]
    [InlineData("\"system\":[{\"type\":\"image\"}]", "system[0].type")]
    public async Task Post_WhatIsNotDone_IsRefusedByItsField(string field, string parameter)
    {
        var rest = field.StartsWith("\"max_tokens\"", StringComparison.Ordinal) ? Hi[(Hi.IndexOf(',', StringComparison.Ordinal) + 1)..] : Hi;

        AssertRefused(await daemon.Value.PostAsync(Path, $"{{{rest},{field}}}"), 400, "invalid_request_error", parameter);
        Assert.Empty(daemon.Value.Engine.Requests);
    }

    /// <summary>The code upon which the tool runner of Anthropic's clients goes on without a thread.</summary>
    [Fact]
    public async Task Post_Thread_IsRefusedInAWayThatClientsActUpon()
    {
        var answer = await daemon.Value.PostAsync(Path, $"{{{Hi},\"thread\":{{\"type\":\"create\"}}}}");
        var other = await daemon.Value.PostAsync(Path, $"{{{Hi},\"container\":\"c\"}}");

        AssertRefused(answer, 400, "invalid_request_error", "thread");
        Assert.Equal("""{"error_code":"thread_unsupported_request","unsupported":["thread"]}""", answer.Error.GetProperty("details").GetRawText());
        Assert.False(other.Error.TryGetProperty("details", out _));
    }

    [Theory]
    [InlineData("null", "messages")]
    [InlineData("[]", "messages")]
    [InlineData("3", "messages")]
    [InlineData("[3]", "messages[0]")]
    [InlineData("[{\"role\":\"user\",\"content\":\"\\ud800\"}]", "messages")]
    [InlineData("[{\"role\":\"tool\",\"content\":\"x\"}]", "messages[0].role")]
    [InlineData("[{\"role\":\"user\"}]", "messages[0].content")]
    [InlineData("[{\"role\":\"user\",\"content\":[]}]", "messages[0].content")]
    [InlineData("[{\"role\":\"user\",\"content\":[3]}]", "messages[0].content[0].type")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]", "messages[0].content[0].text")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\",\"citations\":[{}]}]}]", "messages[0].content[0].citations")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image\",\"source\":{}}]}]", "messages[0].content[1].type")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"document\"}]}]", "messages[0].content[0].type")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"search_result\"}]}]", "messages[0].content[0].type")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}}]}]", "messages[0].content[0].type")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\"}]}]", "messages[0].content[0].tool_use_id")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"is_error\":1}]}]", "messages[0].content[0].is_error")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":[{\"type\":\"image\"}]}]}]", "messages[0].content[0].content[0].type")]
    [InlineData("[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"name\":\"f\",\"input\":{}}]}]", "messages[0].content[0].id")]
    [InlineData("[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":\"{}\"}]}]", "messages[0].content[0].input")]
    [InlineData("[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{},\"caller\":{\"type\":\"code_execution_20250825\"}}]}]", "messages[0].content[0].caller")]
    [InlineData("[{\"role\":\"assistant\",\"content\":[{\"type\":\"server_tool_use\"}]}]", "messages[0].content[0].type")]
    [InlineData("[{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\"}]}]", "messages[0].content[0].thinking")]
    [InlineData("[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"The\"}]", "messages[1]")]
    public async Task Post_MessagesThatAreNotTaken_AreRefusedByTheirPlace(string messages, string parameter)
    {
        foreach (var path in new[] { Path, CountPath })
        {
            AssertRefused(await daemon.Value.PostAsync(path, $"{{\"max_tokens\":5,\"messages\":{messages}}}"), 400, "invalid_request_error", parameter);
        }

        Assert.Empty(daemon.Value.Engine.Requests);
    }

    internal static void AssertRefused(Answer answer, int status, string type, string message)
    {
        Assert.Equal((status, "error", type), (answer.Code, answer.Json.GetProperty("type").GetString(), answer.Error.GetProperty("type").GetString()));
        Assert.Matches($"^{Regex.Escape(message)}($|[: ]|{(message.Length == 0 ? "." : "$")})", answer.Message);
        Assert.Equal(answer.Header("request-id"), answer.Json.GetProperty("request_id").GetString());
        Assert.False(string.IsNullOrWhiteSpace(answer.Message));
    }
}

/// <summary>A daemon that tests of one class share.</summary>
public sealed class RefusingDaemon : IAsyncLifetime
{
    internal TestDaemon Value { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Value = await TestDaemon.StartAsync();

    public ValueTask DisposeAsync() => Value.DisposeAsync();
}
