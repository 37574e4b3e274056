using System.Text.Json;
using Serving.Core.Requests;
using Serving.Engine.Reasoning;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;
using Serving.Engine.ToolCalls;
using Serving.Testing;

namespace Serving.Engine.Tests.Reasoning;

public sealed class ReasoningProbeTests
{
    private static readonly Tokenizer Tokenizer = Tokenizer.Load(Repository.DemoModel);

    [Theory]
    [InlineData("Qwen-Qwen3-0.6B", "deepseek_r1", "enable_thinking")]
    [InlineData("HuggingFaceTB-SmolLM3-3B", "deepseek_r1", "enable_thinking")]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "deepseek_r1", null)]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseek_r1", "enable_thinking")]
    [InlineData("ibm-granite-granite-3.3-2B-Instruct", "granite", "thinking")]
    [InlineData("CohereForAI-c4ai-command-r7b-12-2024-tool_use", "cohere_command3", "enable_thinking")]
    [InlineData("google-gemma-4-31B-it-interleaved", "gemma4", "enable_thinking")]
    [InlineData("mistralai-Ministral-3-14B-Reasoning-2512", "mistral", null)]
    [InlineData("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", null, null)]
    [InlineData("Qwen-Qwen2.5-7B-Instruct", null, null)]
    [InlineData("meta-llama-Llama-3.2-3B-Instruct", null, null)]
    [InlineData("mistralai-Mistral-Nemo-Instruct-2407", null, null)]
    [InlineData("google-gemma-2-2b-it", null, null)]
    public void Look_Template_SaysHowItsModelThinks(string template, string? format, string? variable)
    {
        var support = Look(template);

        Assert.Equal((format, format is not null, variable, false), (support.Format?.Name, support.Thinks, support.Switch, support.TakesEffort));
        Assert.Null(Look(template, "none").Format);
        Assert.Equal("mistral", Look(template, "mistral").Format?.Name);
    }

    /// <summary>Granite 3.2 has its marks in what it is told, in words; a setting of its format's name leaves it what is found.</summary>
    [Fact]
    public void Look_TemplateThatTellsOfSentences_FindsThem()
    {
        const string Template = "{% if thinking %}Write your thoughts after 'Here is my thought process:' and your response after 'Here is my response:'.{% endif %}{% for message in messages %}{{ message.content }}{% endfor %}";
        var renderer = new ConversationRenderer(Tokenizer, ChatTemplate.Parse(Template), TimeProvider.System);

        Assert.Equal((ReasoningFormat.GraniteSentences, "thinking"), (ReasoningProbe.Look(renderer, "auto").Format, ReasoningProbe.Look(renderer, "auto").Switch));
        Assert.Equal(ReasoningFormat.GraniteSentences, ReasoningProbe.Look(renderer, "granite").Format);
    }

    [Fact]
    public void Look_TemplateThatReadsTheEffort_IsGivenIt()
    {
        var support = Look("openai-gpt-oss-120b");

        Assert.Equal(("openai_gptoss", true, "thinking", true), (support.Format?.Name, support.TakesEffort, support.Field, support.JoinsContent));
        Assert.Null(support.Refusal("low", null));
        Assert.True(support.Refusal("none", null)?.IsNotSupported);
        Assert.Equal("low", support.Arguments("low", null)!["reasoning_effort"].GetString());
    }

    [Theory]
    [InlineData("Qwen-Qwen3-0.6B", "none", null, "enable_thinking")]
    [InlineData("Qwen-Qwen3-0.6B", "medium", null, "enable_thinking")]
    [InlineData("Qwen-Qwen3-0.6B", "high", RequestError.NotSupported, null)]
    [InlineData("Qwen-Qwen3-0.6B", "much", RequestError.InvalidRequest, null)]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "none", RequestError.NotSupported, null)]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "medium", null, null)]
    [InlineData("Qwen-Qwen2.5-7B-Instruct", "none", null, null)]
    [InlineData("Qwen-Qwen2.5-7B-Instruct", "medium", RequestError.NotSupported, null)]
    public void Check_Effort_IsTakenAsFarAsTheTemplateKnowsIt(string template, string effort, RequestError? error, string? variable)
    {
        var support = Look(template);
        var chat = new ChatPrompt(JsonDocument.Parse("[]").RootElement) { ReasoningEffort = effort };

        var failure = ReasoningRules.Check(chat, support);

        Assert.Equal((error, error is null ? null : "reasoning_effort"), (failure?.Error, failure?.Parameter));
        if (error is null)
        {
            Assert.Equal(variable is null ? null : $"{variable} {effort != "none"}", support.Arguments(effort, null)?.Select(argument => $"{argument.Key} {argument.Value}").Single());
        }
    }

    [Fact]
    public void Check_EffortBesideTheTemplatesOwnVariable_IsRefused()
    {
        var arguments = new Dictionary<string, JsonElement> { ["enable_thinking"] = JsonSerializer.SerializeToElement(true) };
        var chat = new ChatPrompt(JsonDocument.Parse("[]").RootElement, TemplateArguments: arguments) { ReasoningEffort = "none" };

        Assert.Equal(RequestError.InvalidRequest, ReasoningRules.Check(chat, Look("Qwen-Qwen3-0.6B"))?.Error);
        Assert.Equal(["enable_thinking"], Look("Qwen-Qwen2.5-7B-Instruct").Arguments("none", arguments)!.Keys);
    }

    [Theory]
    [InlineData("reasoning_content")]
    [InlineData("reasoning")]
    public void Normalize_ThoughtsOfAnEarlierMessage_AreShownByATemplateThatReadsThem(string field)
    {
        var messages = JsonDocument.Parse($$"""
            [{"role":"user","content":"x"},{"role":"assistant","{{field}}":"I look.","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"} }]},
             {"role":"tool","tool_call_id":"1","content":"rain"}]
            """).RootElement;
        Assert.Null(ChatMessages.Validate(new ChatPrompt(messages)));

        var text = Renderer("Qwen-Qwen3-0.6B").Render(ChatMessages.Normalize(messages, new ToolSupport(), new ReasoningSupport()), null, true, null);

        Assert.Contains("<think>\nI look.\n</think>", text, StringComparison.Ordinal);
    }

    /// <summary>gpt-oss: thoughts before a call stand in the prompt until there is a final answer; content beside them, which the template does not take, joins them.</summary>
    [Theory]
    [InlineData("null", "I look.")]
    [InlineData("\"A moment.\"", "I look.\n\nA moment.")]
    public void Normalize_ThoughtsBeforeACallInChannels_AreShown(string content, string shown)
    {
        var messages = JsonDocument.Parse($$"""
            [{"role":"user","content":"x"},{"role":"assistant","reasoning":"I look.","content":{{content}},"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"} }]},
             {"role":"tool","tool_call_id":"1","content":"rain"}]
            """).RootElement;

        var text = Renderer("openai-gpt-oss-120b").Render(ChatMessages.Normalize(messages, new ToolSupport(), Look("openai-gpt-oss-120b")), null, true, null);

        Assert.EndsWith(
            $"<|start|>assistant<|channel|>analysis<|message|>{shown}<|end|><|start|>assistant to=functions.f<|channel|>commentary json<|message|>{{}}<|call|>"
            + "<|start|>functions.f to=assistant<|channel|>commentary<|message|>\"rain\"<|end|><|start|>assistant",
            text, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_ThoughtsThatAreNoText_AreRefused()
    {
        var messages = JsonDocument.Parse("""[{"role":"assistant","content":"x","reasoning":{}}]""").RootElement;

        Assert.Equal("messages[0].reasoning", ChatMessages.Validate(new ChatPrompt(messages))?.Parameter);
    }

    private static ReasoningSupport Look(string template, string setting = ReasoningSupport.Automatic) => ReasoningProbe.Look(Renderer(template), setting);

    private static ConversationRenderer Renderer(string template) => new(
        Tokenizer, ChatTemplate.Parse(File.ReadAllText(Path.Combine(Repository.SharedData("tokenizers", "chat-templates", "llama.cpp"), template + ".jinja"))), TimeProvider.System);
}
