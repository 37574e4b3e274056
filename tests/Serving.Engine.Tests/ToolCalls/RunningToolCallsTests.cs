using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Running;
using Serving.Engine.ToolCalls;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>A whole engine whose model writes calls: from the chat template at start to events.</summary>
public sealed class RunningToolCallsTests
{
    private const string HermesCall = "<tool_call>\n{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}}\n</tool_call>";
    private const string MistralCall = "{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}, \"id\": \"{{ item.id }}\"}";

    private static readonly string[] Hermes =
    [
        "I look", " it up", ".\n<tool_call>", "\n{\"name\": \"", "get_weather", "\", \"arguments\": ", "{\"city\": ", "\"Oslo\"", "}}", "\n</tool_call>",
        "<tool_call>{\"name\":\"f\",", "\"arguments\":{}}</tool_call>",
    ];

    private static readonly string[] Mistral = ["[TOOL_CALLS]", "[{\"name\": \"f\"", ", \"arguments\": {\"a\":1}", "}]"];

    [Fact]
    public async Task Run_ChatWithTools_GivesCallsInParts()
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, ScriptedModel.Template(HermesCall), Hermes);
        await using var engine = Start(folder);

        var events = await EventsAsync(engine, Chat(new ToolChoice(ToolChoiceKind.Auto)));

        Assert.Equal("hermes", engine.Client.Description.ToolCallParser);
        Assert.Equal("I look it up.\n", string.Concat(events.Select(happened => happened.Text)));
        var calls = events.SelectMany(happened => happened.ToolCalls).ToList();
        Assert.Equal(["{\"city\": ", "\"Oslo\"", "}"], calls.Where(call => call.Index == 0).Select(call => call.Arguments));
        Assert.Equal(["get_weather", "f"], calls.Select(call => call.Name).OfType<string>());
        Assert.All(calls.Select(call => call.Id).OfType<string>(), id => Assert.StartsWith("call_", id, StringComparison.Ordinal));
        Assert.Equal((FinishReason.Stop, true, 13), (events[^1].FinishReason, events[^1].CallsTools, events[^1].OutputTokens));
    }

    [Fact]
    public async Task Run_OneCallAtMost_EndsWithTheFirst()
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, ScriptedModel.Template(HermesCall), Hermes);
        await using var engine = Start(folder);

        var events = await EventsAsync(engine, Chat(ToolChoice.Auto) with { ParallelCalls = false });

        Assert.Equal(["get_weather"], events.SelectMany(happened => happened.ToolCalls).Select(call => call.Name).OfType<string>());
        Assert.Equal((FinishReason.Stop, true, 9), (events[^1].FinishReason, events[^1].CallsTools, events[^1].OutputTokens));
        Assert.Null(events[^1].StopReason);
    }

    [Fact]
    public async Task Run_StopOrLengthInsideACall_MakesItContent()
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, ScriptedModel.Template(HermesCall), Hermes);
        await using var engine = Start(folder);

        var stopped = await EventsAsync(engine, Chat(ToolChoice.Auto), request => request with { Stop = ["Oslo"] });
        var cut = await EventsAsync(engine, Chat(ToolChoice.Auto), request => request with { MaxTokens = 8 });

        Assert.Equal(("Oslo", false), (stopped[^1].StopReason, stopped[^1].CallsTools));
        Assert.Equal((FinishReason.Length, false), (cut[^1].FinishReason, cut[^1].CallsTools));
        Assert.All(new[] { stopped, cut }, events => Assert.Equal("<tool_call>\n{\"name\": \"get_weather\", \"arguments\": ", events.SelectMany(happened => happened.ToolCalls).Last().Withdrawn));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Run_MarkThatIsASpecialToken_IsReadWhenToolsAreOfferedAndSilentOtherwise(bool offersTools)
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, ScriptedModel.Template(MistralCall, "[TOOL_CALLS][", "]"), Mistral);
        await using var engine = Start(folder);

        var events = await EventsAsync(engine, Chat(offersTools ? ToolChoice.Auto : new ToolChoice(ToolChoiceKind.None)));

        var text = string.Concat(events.Select(happened => happened.Text));
        var calls = events.SelectMany(happened => happened.ToolCalls).ToList();
        Assert.Equal(offersTools ? "" : string.Concat(Mistral[1..]), text);
        Assert.Equal(offersTools ? "{\"a\":1}" : "", string.Concat(calls.Select(call => call.Arguments)));
        Assert.All(calls.Take(1), call => Assert.Matches("^[A-Za-z0-9]{9}$", call.Id));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("llama3_json")]
    public async Task Run_AnotherParserThanTheModels_LeavesText(string parser)
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, ScriptedModel.Template(HermesCall), Hermes);
        await using var engine = Start(folder, parser);

        var events = await EventsAsync(engine, Chat(ToolChoice.Auto));

        Assert.Equal(string.Concat(Hermes), string.Concat(events.Select(happened => happened.Text)));
        Assert.False(events[^1].CallsTools);
    }

    [Fact]
    public async Task Submit_ToolsToAModelThatIsNotShownAny_IsRefused()
    {
        await using var engine = RunningEngine.Start();

        var (_, failure) = await engine.Client.SubmitAsync(Request(Chat(ToolChoice.Auto)), TestContext.Current.CancellationToken);
        var encoded = await engine.Client.TokenizeAsync(RunningEngine.Tenant, null, Chat(ToolChoice.Auto), false, TestContext.Current.CancellationToken);

        Assert.Equal((RequestError.NotSupported, "tools"), (failure!.Error, failure.Parameter));
        Assert.Equal((RequestError.NotSupported, "tools"), (encoded.Failure!.Error, encoded.Failure.Parameter));
    }

    private static RunningEngine Start(TemporaryFolder folder, string parser = "auto") =>
        RunningEngine.Start(change: options => options with { Model = folder.Path, AdaptersRoot = null, ToolCallParser = parser, PoolBytes = 16 << 20 });

    private static ChatPrompt Chat(ToolChoice choice) => new(
        JsonSerializer.SerializeToElement(new[] { new { role = "user", content = "How is the weather?" } }),
        JsonDocument.Parse("""[{"type":"function","function":{"name":"get_weather"}},{"type":"function","function":{"name":"f"}}]""").RootElement)
    {
        Choice = choice,
    };

    private static GenerationRequest Request(ChatPrompt chat) => RunningEngine.Chat("base", "x") with { Prompt = chat };

    private static async Task<List<GenerationEvent>> EventsAsync(RunningEngine engine, ChatPrompt chat, Func<GenerationRequest, GenerationRequest>? change = null)
    {
        var request = Request(chat);
        var (stream, failure) = await engine.Client.SubmitAsync(change is null ? request : change(request), TestContext.Current.CancellationToken);
        Assert.True(stream is not null, failure?.Message);
        await using (stream)
        {
            var events = new List<GenerationEvent>();
            await foreach (var happened in stream.ReadAllAsync(TestContext.Current.CancellationToken))
            {
                events.Add(happened);
            }

            return events;
        }
    }
}
