using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Requests;
using Serving.Engine.Tests.Running;
using Serving.Engine.ToolCalls;
using Serving.Testing;
using Serving.Testing.Models;

namespace Serving.Engine.Tests.Reasoning;

/// <summary>Constraints of models that think hold behind the thoughts, by a whole engine.</summary>
public sealed class ConstraintBehindThoughtsTests
{
    private const string Call = "<tool_call>\n{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}}\n</tool_call>";
    private const string Opens = "{% if add_generation_prompt %}<think>{% endif %}";
    private const string Leaves = "{% if add_generation_prompt and enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}";

    private static readonly string[] Json = ["<think>", "Hm {", " no JSON.", "</think>", "\n\n", "{\"a\":", "1}"];

    [Theory]
    [InlineData(Opens)]
    [InlineData(Leaves)]
    public async Task Run_ObjectOfAModelThatThinks_BeginsBehindTheThoughts(string ending)
    {
        using var folder = Write(ending, Json);
        await using var engine = Start(folder);

        var events = await EventsAsync(engine, Request() with { Constraint = new JsonObjectConstraint("response_format") });

        Assert.Equal(("Hm { no JSON.", "{\"a\":1}", FinishReason.Stop), (Thoughts(events), Text(events), events[^1].FinishReason));
    }

    [Fact]
    public async Task Run_ModelThatDoesNotThinkThisTime_IsConstrainedAtOnce()
    {
        using var folder = Write(Leaves, "{\"a\":", "1}", "<think>");
        await using var engine = Start(folder);
        using var closing = Write(Leaves, "<think>", "</think>", "{\"a\":", "1}");
        await using var closed = Start(closing);
        var chat = (ChatPrompt)Request().Prompt;

        var events = await EventsAsync(engine, Request() with { Constraint = new JsonObjectConstraint("response_format") });
        var told = await EventsAsync(closed, Request() with { Constraint = new JsonObjectConstraint("response_format"), Prompt = chat with { ReasoningEffort = "none" } });

        Assert.Equal(("", "{\"a\":1}"), (Thoughts(events), Text(events)));
        Assert.Equal(("", "{\"a\":1}"), (Thoughts(told), Text(told)));
    }

    [Fact]
    public async Task Run_ModelThatWouldEndInItsThoughts_GoesOn()
    {
        using var folder = Write(Opens, "<think>", "So.");
        await using var engine = Start(folder);

        var events = await EventsAsync(engine, Request() with { Constraint = new JsonObjectConstraint("response_format"), MaxTokens = 20 });

        Assert.Equal(("", FinishReason.Length, 20), (Text(events), events[^1].FinishReason, events[^1].OutputTokens));
        Assert.StartsWith("So.", Thoughts(events), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ToolChoiceKind.Required, false)]
    [InlineData(ToolChoiceKind.Auto, true)]
    public async Task Run_CallsThatAreDemandedOrStrict_StandBehindTheThoughts(ToolChoiceKind kind, bool strict)
    {
        using var folder = Write(Opens, "<think>", "I call <tool_call> f.", "</think>", "\n", "<tool_call>\n{\"name\": \"f\", \"arguments\": ", "{\"a\":7}", "}\n</tool_call>");
        await using var engine = Start(folder);
        var tools = JsonDocument.Parse($$"""[{"type":"function","function":{"name":"f","strict":{{(strict ? "true" : "false")}},"parameters":{"type":"object","properties":{"a":{"type":"integer"} },"required":["a"],"additionalProperties":false} } }]""").RootElement;
        var chat = (ChatPrompt)Request().Prompt with { Tools = tools, Choice = new ToolChoice(kind) };

        var events = await EventsAsync(engine, Request() with { Prompt = chat });

        Assert.Equal(("I call <tool_call> f.", ""), (Thoughts(events), Text(events).Trim()));
        Assert.Equal("{\"a\":7}", string.Concat(events.SelectMany(happened => happened.ToolCalls).Select(call => call.Arguments)));
        Assert.True(events[^1].CallsTools);
    }

    [Fact]
    public async Task Run_MarksThatAreSpecialTokens_AreWrittenAllTheSame()
    {
        using var folder = Write("{% if not messages[0].role == 'system' %}[THINK][/THINK]{% endif %}{% if add_generation_prompt %}<|assistant|>{% endif %}", "[THINK]", "So.", "[/THINK]", "yes");
        await using var engine = Start(folder);

        var events = await EventsAsync(engine, Request() with { Constraint = new ChoiceConstraint(["yes", "no"], "choice") });

        Assert.Equal(("So.", "yes", FinishReason.Stop), (Thoughts(events), Text(events), events[^1].FinishReason));
    }

    /// <summary>Guesses, crowds and preemption change nothing: weights are random, so that a closing mark comes when it comes.</summary>
    [Fact]
    public async Task Run_ManyThatThink_AnswerTheSameAloneAndInACrowdWithAndWithoutGuesses()
    {
        using var folder = Write(Opens, "<think>", "</think>", "<tool_call>");
        var model = new TinyModel("LlamaForCausalLM", seed: 5);
        model.Config["max_position_embeddings"] = 1024;
        model.Config["eos_token_id"] = 96;
        model.Write(folder.Path);
        var requests = Enumerable.Range(0, 12).Select(i => Request() with
        {
            Constraint = new PatternConstraint("(abc|cba){6}[x-z]{2}", "guided_regex"),
            Seed = i,
            Temperature = 1,
            MaxTokens = 600,
            Choices = 1 + (i % 2),
            Prompt = (ChatPrompt)Request().Prompt with { ThinkingBudget = i % 3 == 0 ? 10 + (7 * i) : null },
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

        Assert.True(whole >= 6, $"{whole} whole answers");
    }

    private static TemporaryFolder Write(string ending, params IReadOnlyList<string> pieces)
    {
        var folder = new TemporaryFolder();
        ScriptedModel.Write(folder.Path, ScriptedModel.Template(Call) + ending, pieces);
        return folder;
    }

    private static RunningEngine Start(TemporaryFolder folder, Func<EngineOptions, EngineOptions>? change = null) => RunningEngine.Start(change: options =>
    {
        options = options with { Model = folder.Path, AdaptersRoot = null, PoolBytes = 16 << 20 };
        return change is null ? options : change(options);
    });

    private static GenerationRequest Request() => RunningEngine.Chat("base", "Is it?");

    private static string Thoughts(IEnumerable<GenerationEvent> events) => string.Concat(events.Select(happened => happened.Reasoning));

    private static string Text(IEnumerable<GenerationEvent> events) => string.Concat(events.Select(happened => happened.Text));

    private static async Task<IReadOnlyList<GenerationEvent>> EventsAsync(RunningEngine engine, GenerationRequest request) => (await engine.EventsAsync(request)).Events;
}
