using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Running;
using Serving.Engine.ToolCalls;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Channels;

/// <summary>A whole engine whose model answers in channels, as gpt-oss does: from the chat template at start to events.</summary>
public sealed class RunningChannelsTests
{
    private const string Template =
        "{%- for tool in tools or [] %}{{ tool | tojson }}{% endfor %}{% for message in messages %}<|turn|>{{ message.role }}{% if message.tool_calls %}{% set call = message.tool_calls[0].function %}"
        + "{% if message.content and message.thinking %}{{ raise_exception('not both') }}{% endif %}{% if message.thinking %}<|channel|>analysis<|message|>{{ message.thinking }}<|end|>{% endif %}"
        + " to=functions.{{ call.name }}<|channel|>commentary json<|message|>{{ call.arguments | tojson }}<|call|>"
        + "{% elif message.role == 'assistant' %}<|channel|>final<|message|>{{ message.content }}<|end|>{% else %}{{ message.content }}{% endif %}{% endfor %}"
        + "{{ reasoning_effort }}{% if add_generation_prompt %}<|assistant|>{% endif %}";

    private const string Schema = """{"type":"object","properties":{"a":{"type":"integer","minimum":1,"maximum":9}},"required":["a"],"additionalProperties":false}""";

    // A token decides the next one, so that marks that come twice are spelled out in tokens that differ.
    private static readonly string[] Answer = ["<|channel|>ana", "lysis<|message|>", "I think", ".", "<|end|><|start|>assistant", "<|channel|>final", "<|message|>Yes", ", yes.", "<|return|> "];

    private static readonly string[] Call =
        ["<|channel|>analysis<|message|>I call", "<|end|><|start|>assistant<|channel|>commentary to=functions.f", " <|constrain|>json<|message|>", "{\"a\":", "7}", "<|call|> ", "no more"];

    // Behind the last one comes the end, which no message's content has.
    private static readonly string[] Marks = ["<|start|>", "<|channel|>", "<|constrain|>", "<|end|>", "<|call|>", "<|message|>"];

    [Fact]
    public async Task Run_Messages_AreThoughtsAndContent()
    {
        using var folder = Write(Answer);
        await using var engine = Start(folder);

        var (events, usage) = await engine.EventsAsync(Request());

        Assert.Equal(("openai_gptoss", "openai"), (engine.Client.Description.ReasoningParser, engine.Client.Description.ToolCallParser));
        Assert.Equal(("I think.", "Yes, yes.", FinishReason.Stop), (Thoughts(events), Text(events).TrimEnd(), events[^1].FinishReason));
        Assert.Equal((10, 5), (usage.CompletionTokens, usage.ReasoningTokens));
    }

    [Fact]
    public async Task Run_StopTextInThoughts_EndsTheAnswerOnly()
    {
        using var folder = Write(Answer);
        await using var engine = Start(folder);

        var (events, _) = await engine.EventsAsync(Request() with { Stop = ["think", "channel", ", y"] });

        Assert.Equal(("I think.", "Yes", ", y"), (Thoughts(events), Text(events), events[^1].StopReason));
    }

    [Fact]
    public async Task Run_ThoughtsLeftOut_AreCountedAllTheSame()
    {
        using var folder = Write(Answer);
        await using var engine = Start(folder);

        var (events, usage) = await engine.EventsAsync(Request() with { IncludeReasoning = false });

        Assert.Equal(("", "Yes, yes.", 5), (Thoughts(events), Text(events).TrimEnd(), usage.ReasoningTokens));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_CallOfAFunction_EndsTheAnswer(bool parallel)
    {
        using var folder = Write(Call);
        await using var engine = Start(folder);

        var (events, _) = await engine.EventsAsync(Request(Chat(ToolChoice.Auto) with { ParallelCalls = parallel }));

        Assert.Equal(("I call", "", FinishReason.Stop, true), (Thoughts(events), Text(events), events[^1].FinishReason, events[^1].CallsTools));
        Assert.Equal(["f", "{\"a\":", "7}"], events.SelectMany(happened => happened.ToolCalls).SelectMany(call => new[] { call.Name, call.Arguments }).Where(part => part?.Length > 0));
        Assert.Equal(parallel ? 6 : 5, events[^1].OutputTokens);
    }

    [Fact]
    public async Task Run_CallWithoutTools_IsContent()
    {
        using var folder = Write(Call[..^1]);
        await using var engine = Start(folder);

        var (events, _) = await engine.EventsAsync(Request());

        Assert.Equal(("I call", "{\"a\":7}", false), (Thoughts(events), Text(events), events[^1].CallsTools));
    }

    [Fact]
    public async Task Run_ObjectDemanded_StandsInTheFinalMessage()
    {
        using var folder = Write("<|channel|>ana", "lysis<|message|>", "Hm {", " no JSON.", "<|end|><|start|>assistant", "<|channel|>final<|message", "|>{\"a\":", "1}");
        await using var engine = Start(folder);

        var (events, _) = await engine.EventsAsync(Request() with { Constraint = new JsonObjectConstraint("response_format") });

        Assert.Equal(("Hm { no JSON.", "{\"a\":1}", FinishReason.Stop), (Thoughts(events), Text(events), events[^1].FinishReason));
    }

    /// <summary>The model would not call, or calls with what breaks the schema: it is led to a right call behind its thoughts.</summary>
    [Theory]
    [InlineData(ToolChoiceKind.Required, false)]
    [InlineData(ToolChoiceKind.Function, false)]
    [InlineData(ToolChoiceKind.Auto, true)]
    public async Task Run_CallsThatAreDemandedOrStrict_FollowTheSchema(ToolChoiceKind kind, bool strict)
    {
        using var folder = Write("<|channel|>analysis<|message|>I call", "<|end|><|start|>assistant<|channel|>commentary to=functions.f", " <|constrain|>json<|message|>", "{\"b\":", "77}", "<|call|> ");
        await using var engine = Start(folder);

        var (events, _) = await engine.EventsAsync(Request(Chat(new ToolChoice(kind, kind == ToolChoiceKind.Function ? "f" : null), strict)) with { MaxTokens = 400 });

        Assert.Equal(("I call", ""), (Thoughts(events), Text(events)));
        Assert.Matches("^\\{\\s*\"a\":\\s*[1-9]\\s*\\}$", Arguments(events));
        Assert.True(events[^1].CallsTools);
    }

    [Fact]
    public async Task Run_StrictFunctionThatIsNotCalled_LeavesTheAnswer()
    {
        using var folder = Write(Answer);
        await using var engine = Start(folder);

        var (events, _) = await engine.EventsAsync(Request(Chat(ToolChoice.Auto, strict: true)));

        Assert.Equal(("I think.", "Yes, yes."), (Thoughts(events), Text(events).TrimEnd()));
    }

    /// <summary>Marks that are special tokens are written by demand, and are nowhere in what is read; their spelling in other tokens is text.</summary>
    [Fact]
    public async Task Run_MarksThatAreSpecialTokens_AreWrittenAndReadAllTheSame()
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.WriteWithEnd(folder.Path, Template, "<|return|>", ["Nothing", " to do", .. Marks]);
        await using var engine = Start(folder);
        var demand = Request(Chat(new ToolChoice(ToolChoiceKind.Function, "f"))) with { Temperature = 1, MaxTokens = 3000 };

        var (whole, thinking) = (0, 0);
        for (var seed = 0; seed < 8; seed++)
        {
            var (events, _) = await engine.EventsAsync(demand with { Seed = seed });
            Assert.Equal("", Text(events));
            thinking += Thoughts(events).Length > 0 ? 1 : 0;
            if (events[^1].CallsTools)
            {
                whole++;
                Assert.Matches("^\\{\\s*\"a\":\\s*[1-9]\\s*\\}$", Arguments(events));
            }
        }

        Assert.True(whole >= 4 && thinking > 0, $"{whole} calls, {thinking} with thoughts");
    }

    [Fact]
    public async Task Run_MarksSpelledOutWhereTheyAreTokens_AreText()
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.WriteWithEnd(
            folder.Path, Template, "<|return|>", ["<|channel|>", "final", "<|message|>", "It ends with ", "<|end", "|>, calls with ", "<|call|>.", "<|start|>", "<|constrain|>", "<|end|>", "<|call|>"]);
        await using var engine = Start(folder);

        var (events, _) = await engine.EventsAsync(Request() with { MaxTokens = 7 });

        Assert.Equal(("", "It ends with <|end|>, calls with <|call|>."), (Thoughts(events), Text(events)));
    }

    /// <summary>Guesses, crowds and preemption change nothing: weights are random, so that marks, special tokens here, come when they come.</summary>
    [Fact]
    public async Task Run_ManyInChannels_AnswerTheSameAloneAndInACrowdWithAndWithoutGuesses()
    {
        using var folder = new TemporaryFolder();
        ScriptedModel.WriteWithEnd(folder.Path, Template, "<|return|>", Marks);
        var model = new TinyModel("LlamaForCausalLM", seed: 5);
        model.Config["max_position_embeddings"] = 1024;
        model.Config["eos_token_id"] = 96;
        model.Write(folder.Path);
        var requests = Enumerable.Range(0, 10).Select(i => Request() with
        {
            Constraint = new PatternConstraint("(abc|cba){6}[x-z]{2}", "guided_regex"),
            Seed = i,
            Temperature = 1,
            MaxTokens = 700,
            Choices = 1 + (i % 2),
        }).ToList();
        await using var alone = Start(folder, options => options with { MaxDraftTokens = 0 });
        await using var crowd = Start(folder, options => options with { MaxDraftTokens = 7, PoolBytes = 1 << 20, MaxBatchedTokens = 48 });

        var together = await Task.WhenAll(requests.Select(crowd.RunAsync));
        var whole = 0;
        for (var i = 0; i < requests.Count; i++)
        {
            var expected = await alone.RunAsync(requests[i]);
            Assert.Equal(expected.Select(answer => answer.Tokens), together[i].Select(answer => answer.Tokens));
            foreach (var answer in expected.Where(answer => answer.Reason == FinishReason.Stop))
            {
                whole++;
                Assert.Matches("^(abc|cba){6}[x-z]{2}$", answer.Text);
            }
        }

        Assert.True(whole >= 5, $"{whole} whole answers");
    }

    /// <summary>Thoughts of earlier messages with calls stand where the template has them; content beside them joins them, as this template takes one of the two.</summary>
    [Theory]
    [InlineData("\"\"", "I look.")]
    [InlineData("\"A moment.\"", "I look.\n\nA moment.")]
    public async Task Tokenize_EarlierMessageWithACall_ShowsItsThoughts(string content, string shown)
    {
        using var folder = Write(Answer);
        await using var engine = Start(folder);
        var messages = JsonDocument.Parse($$"""
            [{"role":"user","content":"x"},{"role":"assistant","reasoning":"I look.","content":{{content}},"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"} }]},
             {"role":"tool","tool_call_id":"1","content":"rain"}]
            """).RootElement;

        var encoded = await engine.Client.TokenizeAsync(RunningEngine.Tenant, null, new ChatPrompt(messages), false, TestContext.Current.CancellationToken);

        var decoded = await engine.Client.DetokenizeAsync(RunningEngine.Tenant, null, encoded.Tokens!, TestContext.Current.CancellationToken);
        Assert.Contains($"<|channel|>analysis<|message|>{shown}<|end|> to=functions.f<|channel|>commentary json<|message|>{{\"a\": 1}}<|call|>", decoded.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("high", null)]
    [InlineData("none", RequestError.NotSupported)]
    [InlineData("xhigh", RequestError.NotSupported)]
    public async Task Submit_Effort_IsOneThatTheModelKnows(string effort, RequestError? error)
    {
        using var folder = Write(Answer);
        await using var engine = Start(folder);

        var (stream, failure) = await engine.Client.SubmitAsync(Request(Chat() with { ReasoningEffort = effort }), TestContext.Current.CancellationToken);

        Assert.Equal(error, failure?.Error);
        if (stream is not null)
        {
            await stream.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("none", "auto")]
    [InlineData("auto", "hermes")]
    [InlineData("deepseek_r1", "openai")]
    public async Task Submit_ToolsWhereChannelsAreNotRead_AreRefused(string reasoning, string tools)
    {
        using var folder = Write(Call);
        await using var engine = Start(folder, options => options with { ReasoningParser = reasoning, ToolCallParser = tools });

        var (_, failure) = await engine.Client.SubmitAsync(Request(Chat(ToolChoice.Auto)), TestContext.Current.CancellationToken);

        Assert.Equal((RequestError.NotSupported, "tools"), (failure?.Error, failure?.Parameter));
        Assert.Contains("channels", failure!.Message, StringComparison.Ordinal);
    }

    private static TemporaryFolder Write(params IReadOnlyList<string> pieces)
    {
        var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, Template, pieces);
        return folder;
    }

    private static RunningEngine Start(TemporaryFolder folder, Func<EngineOptions, EngineOptions>? change = null) => RunningEngine.Start(change: options =>
    {
        options = options with { Model = folder.Path, AdaptersRoot = null, PoolBytes = 16 << 20 };
        return change is null ? options : change(options);
    });

    private static ChatPrompt Chat() => new(JsonSerializer.SerializeToElement(new[] { new { role = "user", content = "Is it?" } }));

    private static ChatPrompt Chat(ToolChoice choice, bool strict = false) => Chat() with
    {
        Tools = JsonDocument.Parse($$"""[{"type":"function","function":{"name":"f","strict":{{(strict ? "true" : "false")}},"parameters":{{Schema}} } }]""").RootElement,
        Choice = choice,
    };

    private static GenerationRequest Request(ChatPrompt? chat = null) => RunningEngine.Chat("base", "x") with { Prompt = chat ?? Chat() };

    private static string Thoughts(IEnumerable<GenerationEvent> events) => string.Concat(events.Select(happened => happened.Reasoning));

    private static string Text(IEnumerable<GenerationEvent> events) => string.Concat(events.Select(happened => happened.Text));

    private static string Arguments(IEnumerable<GenerationEvent> events) => string.Concat(events.SelectMany(happened => happened.ToolCalls).Select(call => call.Arguments));
}
