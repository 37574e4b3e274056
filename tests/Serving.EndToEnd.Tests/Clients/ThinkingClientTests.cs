using System.ClientModel;
using System.Text.Json;
using OpenAI;
using OpenAI.Responses;
using Serving.EndToEnd.Tests.Daemon;

namespace Serving.EndToEnd.Tests.Clients;

/// <summary>Thoughts, and OpenAI's Responses API, as real clients see them.</summary>
public sealed class ThinkingClientTests(ThinkingDaemon daemon) : IClassFixture<ThinkingDaemon>
{
    private static readonly ResponseTool Function = ResponseTool.CreateFunctionTool("f", BinaryData.FromString("""{"type":"object"}"""), strictModeEnabled: false, "d");

    [Fact]
    public async Task DotNet_Whole_HasItemsAndTakesThemBack()
    {
        var options = Options();
        var first = (await Client().CreateResponseAsync(options, TestContext.Current.CancellationToken)).Value;

        Assert.Equal((ResponseStatus.Completed, ThinkingDaemon.Model), (first.Status, first.Model));
        Assert.Equal(["ReasoningResponseItem", "MessageResponseItem", "FunctionCallResponseItem"], first.OutputItems.Select(Kind));
        Assert.Equal(ThinkingDaemon.Content, first.GetOutputText());
        var call = (FunctionCallResponseItem)first.OutputItems[2];
        Assert.Equal(("f", ThinkingDaemon.Arguments), (call.FunctionName, call.FunctionArguments.ToString()));
        Assert.Equal(4, first.Usage.OutputTokenDetails.ReasoningTokenCount);

        foreach (var item in first.OutputItems)
        {
            options.InputItems.Add(item);
        }

        options.InputItems.Add(ResponseItem.CreateFunctionCallOutputItem(call.CallId, "rain"));
        var second = (await Client().CreateResponseAsync(options, TestContext.Current.CancellationToken)).Value;

        Assert.Equal(3, second.OutputItems.Count);
        Assert.True(second.Usage.InputTokenCount > first.Usage.InputTokenCount);
    }

    [Fact]
    public async Task DotNet_Streamed_EndsWithTheSameResponse()
    {
        var (text, last) = ("", (ResponseResult?)null);
        var options = Options();
        options.StreamingEnabled = true;
        await foreach (var update in await Client().CreateResponseStreamingAsync(options, TestContext.Current.CancellationToken))
        {
            text += (update as StreamingResponseOutputTextDeltaUpdate)?.Delta;
            last = (update as StreamingResponseCompletedUpdate)?.Response ?? last;
        }

        Assert.Equal(ThinkingDaemon.Content, text);
        Assert.Equal(ThinkingDaemon.Content, last!.GetOutputText());
        Assert.Equal(3, last.OutputItems.Count);
    }

    [Fact]
    public async Task DotNet_GoesOnFromAResponseById()
    {
        var first = (await Client().CreateResponseAsync(Options(), TestContext.Current.CancellationToken)).Value;
        var options = Options();
        options.PreviousResponseId = first.Id;
        options.InputItems.Clear();
        options.InputItems.Add(ResponseItem.CreateFunctionCallOutputItem(((FunctionCallResponseItem)first.OutputItems[2]).CallId, "rain"));

        var second = (await Client().CreateResponseAsync(options, TestContext.Current.CancellationToken)).Value;
        var kept = (await Client().GetResponseAsync(second.Id, TestContext.Current.CancellationToken)).Value;
        await Client().DeleteResponseAsync(first.Id, TestContext.Current.CancellationToken);
        var error = await Assert.ThrowsAsync<ClientResultException>(() => Client().CreateResponseAsync(options, TestContext.Current.CancellationToken));

        Assert.True(second.Usage.InputTokenCount > first.Usage.InputTokenCount);
        Assert.Equal((first.Id, second.GetOutputText()), (kept.PreviousResponseId, kept.GetOutputText()));
        Assert.Equal(404, error.Status);
        Assert.Contains("not found", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Three turns; the thoughts of which the responses refer to by their ids, and messages give back.</summary>
    [Fact]
    public async Task AiSdk_ThinksCallsAndGoesOnOverEveryApi()
    {
        var result = await new NodeClient("ai-sdk", "ai", "tools.mjs").RunAsync(daemon.Api.ToString());

        // OpenAI's own providers read summaries alone.
        foreach (var (api, thoughts) in new[] { ("responses", ""), ("chat", ""), ("compatible", ThinkingDaemon.Thoughts), ("messages", ThinkingDaemon.Thoughts) })
        {
            var turn = $$"""[{{JsonSerializer.Serialize(thoughts)}},{{JsonSerializer.Serialize(ThinkingDaemon.Content)}},[["f",{"a":1}]],"tool-calls"]""";
            Assert.Equal($"[{turn},{turn},{turn}]", result.GetProperty("whole").GetProperty(api).GetRawText());
            Assert.Equal($"[{turn},{turn},{turn}]", result.GetProperty("streamed").GetProperty(api).GetRawText());
        }
    }

    [Fact]
    public async Task JavaScript_PutsThoughtsTextAndCallsTogether()
    {
        var result = await new NodeClient("node", "openai", "responses.mjs").RunAsync(daemon.Api.ToString());

        Assert.Equal(JsonSerializer.Serialize(new[] { ThinkingDaemon.Thoughts, ThinkingDaemon.Content }), Compact("chat"));
        Assert.Equal(JsonSerializer.Serialize(new[] { ThinkingDaemon.Thoughts, ThinkingDaemon.Content }), Compact("streamedChat"));
        Assert.Equal("""["reasoning","message","function_call"]""", Compact("items"));
        Assert.Equal(JsonSerializer.Serialize(ThinkingDaemon.Content), Compact("text"));
        Assert.Equal("""["reasoning","message","function_call"]""", Compact("streamedItems"));
        Assert.Equal(JsonSerializer.Serialize(new[] { ThinkingDaemon.Thoughts, ThinkingDaemon.Content, ThinkingDaemon.Arguments }), Compact("deltas"));

        string Compact(string name) => JsonSerializer.Serialize(result.GetProperty(name));
    }

    [Fact]
    public async Task AnthropicsClient_PutsThoughtsTextAndCallsTogetherAndGivesThemBack()
    {
        var result = await new NodeClient("anthropic", "@anthropic-ai/sdk", "thinking.mjs").RunAsync(new Uri(daemon.Api, "/").ToString());

        var thoughts = JsonSerializer.Serialize(ThinkingDaemon.Thoughts);
        var content = JsonSerializer.Serialize(ThinkingDaemon.Content);
        var answer = $$"""[[["thinking",{{thoughts}}],["text",{{content}}],["tool_use",{"a":1}]],"tool_use"]""";
        Assert.Equal(answer, result.GetProperty("whole").GetRawText());
        Assert.Equal(answer, result.GetProperty("streamed").GetRawText());
        Assert.Equal(answer, result.GetProperty("second").GetRawText());
        Assert.Equal($$"""{"thinking":{{thoughts}},"text":{{content}},"inputJson":{{JsonSerializer.Serialize(ThinkingDaemon.Arguments).Replace("\\u0022", "\\\"", StringComparison.Ordinal)}}}""", result.GetProperty("deltas").GetRawText());
        Assert.Equal("""["toolu_","toolu_"]""", result.GetProperty("ids").GetRawText());
        Assert.Equal(4, result.GetProperty("thinkingTokens").GetInt32());
        Assert.True(result.GetProperty("longer").GetBoolean());
        Assert.Equal("""["text","tool_use"]""", result.GetProperty("hidden").GetRawText());
        Assert.Equal($"[2,{answer}]", result.GetProperty("ran").GetRawText());
    }

    private static string Kind(ResponseItem item) => item switch
    {
        ReasoningResponseItem => nameof(ReasoningResponseItem),
        MessageResponseItem => nameof(MessageResponseItem),
        FunctionCallResponseItem => nameof(FunctionCallResponseItem),
        _ => item.GetType().Name,
    };

    private static CreateResponseOptions Options()
    {
        var options = new CreateResponseOptions(ThinkingDaemon.Model, [ResponseItem.CreateUserMessageItem("How is it?")]) { Temperature = 0 };
        options.Tools.Add(Function);
        return options;
    }

    private ResponsesClient Client() => new OpenAIClient(new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = daemon.Api }).GetResponsesClient();
}
