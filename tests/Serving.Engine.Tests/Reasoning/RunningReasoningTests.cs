using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Execution.Constraints;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Running;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Reasoning;

/// <summary>A whole engine whose model thinks: from the chat template at start to events.</summary>
public sealed class RunningReasoningTests
{
    private const string Call = "<tool_call>\n{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}}\n</tool_call>";

    // The last token decides what follows, so that a prompt that ends in a token of the answer goes on from there.
    private const string OpensThoughts = "{% if add_generation_prompt %}<think>{% endif %}";
    private const string ClosesThoughts = "{% if add_generation_prompt and enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}";

    private static readonly string[] Answer = ["<think>", "\nI think. ", "<tool_call>{\"name\": \"f\"}", "\n", "</thi", "nk>", "\n\n", "Yes", ", yes."];

    private static readonly string[] Special = ["[THINK]", "So", ".", "[/THINK]", "Yes."];

    [Fact]
    public async Task Run_ModelThatDecidesToThink_HasItsThoughtsApart()
    {
        using var folder = Write(ClosesThoughts, Answer);
        await using var engine = Start(folder);

        var (events, usage) = await RunAsync(engine, Chat());

        Assert.Equal("deepseek_r1", engine.Client.Description.ReasoningParser);
        Assert.Equal(("I think. <tool_call>{\"name\": \"f\"}", "Yes, yes."), (Thoughts(events), Text(events)));
        Assert.Equal((9 + 1, 6), (usage.CompletionTokens, usage.ReasoningTokens));
        Assert.Equal(FinishReason.Stop, events[^1].FinishReason);
    }

    [Fact]
    public async Task Run_PromptThatOpensOrClosesThoughts_SaysWhereTheAnswerBegins()
    {
        using var opening = Write(OpensThoughts, Answer);
        await using var opened = Start(opening);
        using var closing = Write(ClosesThoughts, "<think>", "</think>", "Yes", "<think>a</think>");
        await using var closed = Start(closing);

        var (thinking, usage) = await RunAsync(opened, Chat());
        var (answering, none) = await RunAsync(closed, Chat() with { ReasoningEffort = "none" });

        Assert.Equal(("I think. <tool_call>{\"name\": \"f\"}", "Yes, yes.", 5), (Thoughts(thinking), Text(thinking), usage.ReasoningTokens));
        Assert.Equal(("", "Yes<think>a</think>", 0), (Thoughts(answering), Text(answering), none.ReasoningTokens));
    }

    [Fact]
    public async Task Run_ThoughtsThatNeverEnd_AreNoAnswer()
    {
        using var folder = Write(OpensThoughts, Answer);
        await using var engine = Start(folder);

        var (events, usage) = await RunAsync(engine, Chat(), request => request with { MaxTokens = 3 });

        Assert.Equal(("I think. <tool_call>{\"name\": \"f\"}\n", ""), (Thoughts(events), Text(events)));
        Assert.Equal((FinishReason.Length, 3, 3), (events[^1].FinishReason, usage.CompletionTokens, usage.ReasoningTokens));
    }

    [Fact]
    public async Task Run_ThoughtsLeftOut_AreCountedAllTheSame()
    {
        using var folder = Write(OpensThoughts, Answer);
        await using var engine = Start(folder);

        var (events, usage) = await RunAsync(engine, Chat(), request => request with { IncludeReasoning = false, TopLogprobs = 0 });

        Assert.Equal(("", "Yes, yes.", 5), (Thoughts(events), Text(events), usage.ReasoningTokens));
        Assert.Equal(8, events.Sum(happened => happened.Logprobs?.Count ?? 0));
    }

    [Fact]
    public async Task Run_StopTextInThoughts_EndsTheAnswerOnly()
    {
        using var folder = Write(OpensThoughts, Answer);
        await using var engine = Start(folder);

        var (events, _) = await RunAsync(engine, Chat(), request => request with { Stop = [",", "think"] });

        Assert.Equal(("I think. <tool_call>{\"name\": \"f\"}", "Yes", ","), (Thoughts(events), Text(events), events[^1].StopReason));
    }

    [Fact]
    public async Task Run_CallInThoughts_IsNone()
    {
        using var folder = Write(
            OpensThoughts, "<think>", "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", "</think>", "<tool_call>{\"name\":\"f\",", "\"arguments\":{\"a\":1}}</tool_call>");
        await using var engine = Start(folder);
        var tools = JsonDocument.Parse("""[{"type":"function","function":{"name":"f"}}]""").RootElement;

        var (events, _) = await RunAsync(engine, Chat() with { Tools = tools, ParallelCalls = false });

        Assert.Equal(("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>", ""), (Thoughts(events), Text(events)));
        Assert.Equal("{\"a\":1}", string.Concat(events.SelectMany(happened => happened.ToolCalls).Select(call => call.Arguments)));
        Assert.True(events[^1].CallsTools);
    }

    [Fact]
    public async Task Run_SeveralChoices_ThinkEachByThemselves()
    {
        using var folder = Write(OpensThoughts, Answer);
        await using var engine = Start(folder);

        var (events, usage) = await RunAsync(engine, Chat(), request => request with { Choices = 3 });

        Assert.Equal(15, usage.ReasoningTokens);
        Assert.All(events.GroupBy(happened => happened.Choice), choice => Assert.Equal(("I think. <tool_call>{\"name\": \"f\"}", "Yes, yes."), (Thoughts(choice), Text(choice))));
    }

    [Theory]
    [InlineData("auto", "So.", "Yes.")]
    [InlineData("none", "", "So.Yes.")]
    public async Task Run_MarksThatAreSpecialTokens_AreReadAllTheSame(string parser, string thoughts, string text)
    {
        using var folder = Write("{% if not messages[0].role == 'system' %}[THINK][/THINK]{% endif %}{% if add_generation_prompt %}<|assistant|>{% endif %}", Special);
        await using var engine = Start(folder, parser);

        var (events, _) = await RunAsync(engine, Chat());

        Assert.Equal((thoughts, text), (Thoughts(events), Text(events)));
    }

    [Fact]
    public async Task Run_CompletionOrConstraint_HasItsTextAsItIs()
    {
        using var folder = Write(OpensThoughts, Answer);
        await using var engine = Start(folder);
        var request = RunningEngine.Chat("base", "x") with { Prompt = new TextPrompt("<think>") };

        var answer = Assert.Single(await engine.RunAsync(request));

        Assert.Equal(string.Concat(Answer[1..]), answer.Text);
    }

    [Fact]
    public async Task Submit_EffortThatTheTemplateDoesNotKnow_IsRefused()
    {
        using var folder = Write(ClosesThoughts, Answer);
        await using var engine = Start(folder);

        var (_, failure) = await engine.Client.SubmitAsync(Request(Chat() with { ReasoningEffort = "high" }), TestContext.Current.CancellationToken);

        Assert.Equal((RequestError.NotSupported, "reasoning_effort"), (failure!.Error, failure.Parameter));
    }

    /// <summary>Agents that speak Anthropic's API ask every model to think.</summary>
    [Fact]
    public async Task Run_ThinksIfItCan_ThinksWhereThatCanBeSaidAndAnswersWhereNot()
    {
        const string OffByDefault = "{% if add_generation_prompt %}{% if enable_thinking is defined and enable_thinking %}<think>{% else %}<think></think>{% endif %}{% endif %}";
        using var switched = Write(OffByDefault, "<think>", "So.", "</think>", "Yes");
        await using var thinker = Start(switched);
        using var plain = Write("{% if add_generation_prompt %}:{% endif %}", ":", "Yes");
        await using var other = Start(plain);
        var wish = Chat() with { ThinksIfItCan = true };

        var (usual, _) = await RunAsync(thinker, Chat());
        var (thinking, _) = await RunAsync(thinker, wish);
        var (answering, _) = await RunAsync(other, wish);
        var (_, demanded) = await other.Client.SubmitAsync(Request(Chat() with { ReasoningEffort = "medium", ThinksIfItCan = true }), TestContext.Current.CancellationToken);

        Assert.Equal(("", "Yes"), (Thoughts(usual), Text(usual)));
        Assert.Equal(("So.", "Yes"), (Thoughts(thinking), Text(thinking)));
        Assert.Equal(("", "Yes"), (Thoughts(answering), Text(answering)));
        Assert.Equal("reasoning_effort", demanded!.Parameter);
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(2, "ab")]
    [InlineData(3, "abc")]
    [InlineData(9, "abc")]
    public async Task Run_BudgetOfThoughts_ClosesThemAndTheAnswerFollows(int budget, string thoughts)
    {
        string[] pieces = ["<think>", "a", "b", "c", "</think>", "Yes"];
        using var opened = Write("{% if add_generation_prompt %}<think>{% endif %}", pieces);
        using var chosen = Write("{% if add_generation_prompt %}:{% endif %}", [":", .. pieces]);
        foreach (var folder in new[] { opened, chosen })
        {
            await using var engine = Start(folder, "deepseek_r1");

            var (events, _) = await RunAsync(engine, Chat() with { ThinkingBudget = budget, ThinkingBudgetField = "thinking_token_budget" });

            Assert.Equal((thoughts, "Yes"), (Thoughts(events), Text(events)));
        }
    }

    [Fact]
    public async Task Submit_BudgetOfThoughtsThatCannotBeBounded_IsRefusedUnlessItIsAWish()
    {
        using var plain = Write("{% if add_generation_prompt %}:{% endif %}", ":", "Yes");
        await using var engine = Start(plain);

        var (wished, _) = await RunAsync(engine, Chat() with { ThinkingBudget = 5 });
        var (_, demanded) = await engine.Client.SubmitAsync(Request(Chat() with { ThinkingBudget = 5, ThinkingBudgetField = "x" }), TestContext.Current.CancellationToken);
        var (_, wrong) = await engine.Client.SubmitAsync(Request(Chat() with { ThinkingBudget = -1, ThinkingBudgetField = "x" }), TestContext.Current.CancellationToken);

        Assert.Equal(("", "Yes"), (Thoughts(wished), Text(wished)));
        Assert.Equal((RequestError.NotSupported, "x"), (demanded!.Error, demanded.Parameter));
        Assert.Equal((RequestError.InvalidRequest, "x"), (wrong!.Error, wrong.Parameter));
    }

    [Theory]
    [InlineData(ReasoningStart.Thoughts, 2, new[] { 5 }, false)]
    [InlineData(ReasoningStart.Thoughts, 2, new[] { 5, 6 }, true)]
    [InlineData(ReasoningStart.Thoughts, 2, new[] { 5, 6, 2, 7, 8, 9 }, false)]
    [InlineData(ReasoningStart.Thoughts, 0, new int[0], true)]
    [InlineData(ReasoningStart.Either, 0, new int[0], false)]
    [InlineData(ReasoningStart.Either, 0, new[] { 1 }, true)]
    [InlineData(ReasoningStart.Either, 1, new[] { 9, 9, 1, 5 }, true)]
    [InlineData(ReasoningStart.Either, 1, new[] { 9, 9, 1, 2, 5 }, false)]
    [InlineData(ReasoningStart.Either, 1, new[] { 9, 9, 9, 9, 9, 1, 5 }, false)]
    public void Budget_OfAnAnswerSoFar_IsUsedUpOrNot(ReasoningStart start, int budget, int[] answer, bool mustClose) =>
        Assert.Equal(mustClose, new ThoughtBudget(budget, new ThoughtMarks(1, 2), start).MustClose(answer));

    private static TemporaryFolder Write(string ending, params IReadOnlyList<string> pieces)
    {
        var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, ScriptedModel.Template(Call) + ending, pieces);
        return folder;
    }

    private static RunningEngine Start(TemporaryFolder folder, string parser = "auto") =>
        RunningEngine.Start(change: options => options with { Model = folder.Path, AdaptersRoot = null, ReasoningParser = parser, PoolBytes = 16 << 20 });

    private static ChatPrompt Chat() => new(JsonSerializer.SerializeToElement(new[] { new { role = "user", content = "Is it?" } }));

    private static GenerationRequest Request(ChatPrompt chat) => RunningEngine.Chat("base", "x") with { Prompt = chat };

    private static string Thoughts(IEnumerable<GenerationEvent> events) => string.Concat(events.Select(happened => happened.Reasoning));

    private static string Text(IEnumerable<GenerationEvent> events) => string.Concat(events.Select(happened => happened.Text));

    private static Task<(IReadOnlyList<GenerationEvent> Events, GenerationUsage Usage)> RunAsync(
        RunningEngine engine, ChatPrompt chat, Func<GenerationRequest, GenerationRequest>? change = null) => engine.EventsAsync(change is null ? Request(chat) : change(Request(chat)));
}
