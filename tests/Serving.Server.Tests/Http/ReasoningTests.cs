using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Server.Tests.Fakes;

namespace Serving.Server.Tests.Http;

public sealed class ReasoningTests
{
    private const string Path = "/v1/chat/completions";
    private const string Chat = """
        "messages":[{"role":"user","content":"hi"}]
        """;

    [Fact]
    public async Task Post_Whole_HasThoughtsUnderBothNames()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => Say(request, ("So", ""), (".", ""), ("", "Yes."));

        var answer = await daemon.PostAsync(Path, $"{{{Chat}}}");

        var choice = answer.Json.GetProperty("choices")[0];
        Assert.Equal("""{"role":"assistant","content":"Yes.","reasoning":"So.","reasoning_content":"So.","refusal":null}""", choice.GetProperty("message").GetRawText());
        Assert.Equal(2, answer.Json.GetProperty("usage").GetProperty("completion_tokens_details").GetProperty("reasoning_tokens").GetInt32());
    }

    [Fact]
    public async Task Post_WholeThatIsCutOffInThoughts_HasNullForContent()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => Say(request, FinishReason.Length, ("So", ""));

        var answer = await daemon.PostAsync(Path, $"{{{Chat}}}");

        var choice = answer.Json.GetProperty("choices")[0];
        Assert.Equal(JsonValueKind.Null, choice.GetProperty("message").GetProperty("content").ValueKind);
        Assert.Equal("length", choice.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task Post_Stream_SendsThoughtsBeforeText()
    {
        await using var daemon = await TestDaemon.StartAsync();
        daemon.Engine.Script = request => Say(request, ("So", ""), (".", "Yes"), ("", "."));

        var answer = await daemon.PostAsync(Path, $"{{{Chat},\"stream\":true}}");

        Assert.Equal(
            [
                """{"role":"assistant","content":""}""",
                """{"reasoning":"So","reasoning_content":"So"}""",
                """{"reasoning":".","reasoning_content":"."}""",
                """{"content":"Yes"}""",
                """{"content":"."}""",
                "{}",
            ],
            answer.Events.SkipLast(1).Select(text => JsonDocument.Parse(text).RootElement.GetProperty("choices")[0].GetProperty("delta").GetRawText()));
    }

    [Theory]
    [InlineData("\"reasoning_effort\":\"none\"", 200)]
    [InlineData("\"reasoning_effort\":\"medium\",\"include_reasoning\":false", 200)]
    [InlineData("\"reasoning_effort\":null,\"include_reasoning\":null", 200)]
    [InlineData("\"reasoning_effort\":\"low\"", 400)]
    [InlineData("\"reasoning_effort\":\"\"", 400)]
    [InlineData("\"reasoning_effort\":3", 400)]
    [InlineData("\"include_reasoning\":\"no\"", 400)]
    [InlineData("\"thinking_token_budget\":\"3\"", 400)]
    [InlineData("\"thinking_token_budget\":-1", 400)]
    [InlineData("\"thinking_budget_tokens\":-2", 400)]
    public async Task Post_FieldsOfThinking_ReachTheEngineOrAreRefusedByName(string fields, int status)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(Path, $"{{{Chat},{fields}}}");

        Assert.Equal(status, (int)answer.Status);
        if (status == 400)
        {
            Assert.Equal(fields.Split('"')[1], answer.Json.GetProperty("error").GetProperty("param").GetString());
            return;
        }

        Assert.True(daemon.Engine.Requests.TryDequeue(out var request));
        Assert.Equal(!fields.Contains("false", StringComparison.Ordinal), request.Request.IncludeReasoning);
    }

    [Theory]
    [InlineData("\"thinking_token_budget\":0", 0, "thinking_token_budget")]
    [InlineData("\"thinking_token_budget\":7,\"thinking_budget_tokens\":9", 7, "thinking_token_budget")]
    [InlineData("\"thinking_budget_tokens\":9", 9, "thinking_budget_tokens")]
    [InlineData("\"thinking_budget_tokens\":-1", null, "thinking_budget_tokens")]
    public async Task Post_BudgetOfThoughts_ReachesTheEngine(string fields, int? budget, string field)
    {
        await using var daemon = await TestDaemon.StartAsync();

        await daemon.PostAsync(Path, $"{{{Chat},{fields}}}");

        Assert.True(daemon.Engine.Requests.TryDequeue(out var request));
        var chat = Assert.IsType<ChatPrompt>(request.Request.Prompt);
        Assert.Equal((budget, field), (chat.ThinkingBudget, chat.ThinkingBudgetField));
    }

    [Theory]
    [InlineData("/v1/completions", "\"prompt\":\"x\"")]
    [InlineData("/v1/responses", "\"input\":\"x\"")]
    public async Task Post_BudgetOfThoughtsWhereNoneIsTaken_IsRefusedByName(string path, string body)
    {
        await using var daemon = await TestDaemon.StartAsync();

        var answer = await daemon.PostAsync(path, $"{{{body},\"thinking_token_budget\":5}}");

        Assert.Equal("thinking_token_budget", answer.Json.GetProperty("error").GetProperty("param").GetString());
    }

    /// <summary>Sends pairs of thoughts and text, a token each, and ends.</summary>
    internal static void Say(FakeRequest request, params (string Thoughts, string Text)[] parts) => Say(request, FinishReason.Stop, parts);

    internal static void Say(FakeRequest request, FinishReason reason, params (string Thoughts, string Text)[] parts)
    {
        foreach (var (thoughts, text) in parts)
        {
            request.Send(new GenerationEvent { Choice = 0, Reasoning = thoughts, Text = text, Tokens = [7] });
        }

        request.Send(new GenerationEvent { Choice = 0, FinishReason = reason });
        request.End();
    }
}
