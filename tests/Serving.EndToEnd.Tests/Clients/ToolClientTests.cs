using System.ClientModel;
using System.Text;
using OpenAI;
using OpenAI.Chat;
using Serving.EndToEnd.Tests.Daemon;
using Serving.Testing;

namespace Serving.EndToEnd.Tests.Clients;

/// <summary>Calls of functions, as real clients see them.</summary>
public sealed class ToolClientTests(ToolDaemon daemon) : IClassFixture<ToolDaemon>
{
    private static readonly ChatTool Weather = ChatTool.CreateFunctionTool(
        "get_weather", "Tells the weather.", BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"""));

    private static readonly ChatTool Time = ChatTool.CreateFunctionTool("get_time");

    private static readonly ChatMessage Question = new UserChatMessage("How is the weather?");

    [Fact]
    public async Task DotNet_Whole_HasCallsAndTakesTheirResults()
    {
        var first = (await Chat().CompleteChatAsync([Question], Options())).Value;

        Assert.Equal(ChatFinishReason.ToolCalls, first.FinishReason);
        Assert.Equal(ToolDaemon.Content, Assert.Single(first.Content).Text);
        Assert.Equal(["get_weather", "get_time"], first.ToolCalls.Select(call => call.FunctionName));
        Assert.Equal([ToolDaemon.Arguments, "{}"], first.ToolCalls.Select(call => call.FunctionArguments.ToString()));

        ChatMessage[] messages = [Question, new AssistantChatMessage(first), .. first.ToolCalls.Select(call => new ToolChatMessage(call.Id, "rain"))];
        var second = (await Chat().CompleteChatAsync(messages, Options())).Value;

        Assert.Equal(2, second.ToolCalls.Count);
        Assert.Equal(4, first.ToolCalls.Concat(second.ToolCalls).Select(call => call.Id).Distinct().Count());
        Assert.True(second.Usage.InputTokenCount > first.Usage.InputTokenCount);
    }

    [Fact]
    public async Task DotNet_Streamed_GivesTheSameCallsInParts()
    {
        var (text, reason, updates) = ("", (ChatFinishReason?)null, 0);
        var calls = new SortedDictionary<int, (string Name, StringBuilder Arguments)>();
        await foreach (var update in Chat().CompleteChatStreamingAsync([Question], Options()))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            reason = update.FinishReason ?? reason;
            foreach (var part in update.ToolCallUpdates)
            {
                updates++;
                calls.TryAdd(part.Index, (part.FunctionName, new StringBuilder()));
                calls[part.Index].Arguments.Append(part.FunctionArgumentsUpdate);
            }
        }

        Assert.Equal((ToolDaemon.Content, ChatFinishReason.ToolCalls), (text, reason));
        Assert.Equal([("get_weather", ToolDaemon.Arguments), ("get_time", "{}")], calls.Values.Select(call => (call.Name, call.Arguments.ToString())));
        Assert.Equal(4, updates);
    }

    [Fact]
    public async Task DotNet_OneCallAtMostOrNoneOrOneDemanded_GetsThat()
    {
        var one = Options();
        one.AllowParallelToolCalls = false;
        var none = Options();
        none.ToolChoice = ChatToolChoice.CreateNoneChoice();
        var demanded = Options();
        demanded.ToolChoice = ChatToolChoice.CreateFunctionChoice("get_time");

        Assert.Equal("get_weather", Assert.Single((await Chat().CompleteChatAsync([Question], one)).Value.ToolCalls).FunctionName);
        var text = (await Chat().CompleteChatAsync([Question], none)).Value;
        Assert.Empty(text.ToolCalls);
        Assert.Contains("<tool_call>", text.Content[0].Text, StringComparison.Ordinal);
        var call = Assert.Single((await Chat().CompleteChatAsync([Question], demanded)).Value.ToolCalls);
        Assert.Equal(("get_time", "{}"), (call.FunctionName, call.FunctionArguments.ToString()));
    }

    [Fact]
    public async Task JavaScript_StreamHelperAndFunctionRunner_TakeTheCalls()
    {
        var result = await new NodeClient("node", "openai", "tools.mjs").RunAsync(daemon.Api.ToString());

        Assert.Equal($"[\"{ToolDaemon.Content}\",\"tool_calls\",\"get_weather\",{System.Text.Json.JsonSerializer.Serialize(ToolDaemon.Arguments, Relaxed)},\"get_time\",\"{{}}\"]", result.GetProperty("streamed").GetRawText());
        Assert.Equal("""[{"city":"Oslo","days":[1,2.5]},{}]""", result.GetProperty("ran").GetRawText());
        Assert.Equal("""["assistant","tool","tool","assistant","tool","tool"]""", result.GetProperty("roles").GetRawText());
    }

    /// <summary>A custom tool with a grammar: its text in chats and responses, whole and streamed, and results given back.</summary>
    [Fact]
    public async Task JavaScript_CustomTools_HaveTextsOfTheirGrammar()
    {
        var result = await new NodeClient("node", "openai", "custom.mjs").RunAsync(daemon.Api.ToString());

        foreach (var way in new[] { "chat", "streamedChat", "response", "streamedResponse", "next" })
        {
            var call = result.GetProperty(way);
            Assert.Equal("patch", call[0].GetString());
            Assert.Matches("^\"\n[+-][a-z]{3}\\\\\\z", call[1].GetString());
        }

        Assert.Equal(["custom", "custom_tool_call"], result.GetProperty("types").EnumerateArray().Select(type => type.GetString()));
        Assert.Equal(result.GetProperty("streamedResponse")[1].GetString(), result.GetProperty("deltas").GetString());
        Assert.Equal("get_weather", result.GetProperty("auto")[0].GetString());
    }

    /// <summary>Three turns of calls and results, the thoughts and text of which the responses refer to by their ids.</summary>
    [Fact]
    public async Task AiSdk_CallsAndGoesOnOverEveryApi()
    {
        var result = await new NodeClient("ai-sdk", "ai", "tools.mjs").RunAsync(daemon.Api.ToString());

        const string Turn = $$"""["","{{ToolDaemon.Content}}",[["get_weather",{"city":"Oslo","days":[1,2.5]}],["get_time",{}]],"tool-calls"]""";
        foreach (var api in new[] { "responses", "chat", "compatible", "messages" })
        {
            Assert.Equal($"[{Turn},{Turn},{Turn}]", result.GetProperty("whole").GetProperty(api).GetRawText());
            Assert.Equal($"[{Turn},{Turn},{Turn}]", result.GetProperty("streamed").GetProperty(api).GetRawText());
        }
    }

    [Fact]
    public async Task LangChain_TakesCallsAndGivesResultsBackOverEveryApi()
    {
        var result = await new NodeClient("langchain", "@langchain/openai", "tools.mjs").RunAsync(daemon.Api.ToString());

        const string Turn = $$"""["{{ToolDaemon.Content}}",[["get_weather",{"city":"Oslo","days":[1,2.5]}],["get_time",{}]]]""";
        foreach (var api in new[] { "chat", "responses", "messages" })
        {
            Assert.Equal($"[{Turn},{Turn},{Turn},true]", result.GetProperty(api).GetRawText());
        }
    }

    [Fact]
    public async Task Grpc_WholeAndStreamed_HaveTheSameCalls()
    {
        var result = await new NodeClient("grpc", "@grpc/grpc-js", "tools.mjs").RunAsync(daemon.Process.GrpcAddress.Authority, Repository.PathOf("src", "Serving.Protocol", "Proto"));

        var expected = $"[\"{ToolDaemon.Content}\",\"FINISH_REASON_TOOL_CALLS\",\"get_weather\",{System.Text.Json.JsonSerializer.Serialize(ToolDaemon.Arguments, Relaxed)},\"get_time\",\"{{}}\"]";
        Assert.Equal(expected, result.GetProperty("whole").GetRawText());
        Assert.Equal(expected, result.GetProperty("streamed").GetRawText());
        Assert.Equal(4, result.GetProperty("parts").GetInt32());
    }

    private static readonly System.Text.Json.JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static ChatCompletionOptions Options() => new() { Temperature = 0, MaxOutputTokenCount = 64, Tools = { Weather, Time } };

    private ChatClient Chat() => new OpenAIClient(new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = daemon.Api }).GetChatClient(ToolDaemon.Model);
}
