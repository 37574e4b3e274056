using System.Text.Json;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;
using Serving.Engine.ToolCalls;
using Serving.Testing;

namespace Serving.Engine.Tests.ToolCalls;

public sealed class ToolProbeTests
{
    private static readonly Tokenizer Tokenizer = Tokenizer.Load(Repository.DemoModel);

    [Theory]
    [InlineData("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "hermes")]
    [InlineData("NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "hermes")]
    [InlineData("Qwen-Qwen2.5-7B-Instruct", "hermes")]
    [InlineData("Qwen-Qwen3-0.6B", "hermes")]
    [InlineData("Reka-Edge", "hermes")]
    [InlineData("meta-llama-Llama-3.2-3B-Instruct", "llama3_json")]
    [InlineData("meta-llama-Llama-3.3-70B-Instruct", "llama3_json")]
    [InlineData("mistralai-Mistral-Nemo-Instruct-2407", "mistral")]
    [InlineData("openai-gpt-oss-120b", "openai")]
    [InlineData("Qwen3.5-4B", "qwen3_coder")]
    [InlineData("stepfun-ai-Step-3.5-Flash", "qwen3_coder")]
    [InlineData("ByteDance-Seed-OSS", "seed_oss")]
    [InlineData("GLM-4.6", "glm45")]
    [InlineData("GLM-5.2", "glm45")]
    [InlineData("deepseek-ai-DeepSeek-V3.2", "deepseek_v32")]
    [InlineData("Mistral-Small-3.2-24B-Instruct-2506", "mistral", true)]
    [InlineData("unsloth-mistral-Devstral-Small-2507", "mistral", true)]
    [InlineData("mistralai-Ministral-3-14B-Reasoning-2512", "mistral", true)]
    public void Look_TemplateOfAKnownFormat_FindsIt(string template, string format, bool isNamed = false)
    {
        var support = Look(template);

        Assert.Equal((format, isNamed), (support.Format?.Name, support.Format?.IsNamed));
        Assert.Equal(support.Format, Look(template, format).Format);
        Assert.Null(support.Refusal);
        Assert.Equal(default, support.Style);
    }

    [Theory]
    [InlineData("ibm-granite-granite-3.3-2B-Instruct")]
    [InlineData("meetkai-functionary-medium-v3.2")]
    public void Look_TemplateOfAnotherFormat_RefusesToolsUnlessTold(string template)
    {
        Assert.Contains("tool_call_parser", Look(template).Refusal, StringComparison.Ordinal);
        Assert.Equal((null, null), (Look(template, "none").Refusal, Look(template, "none").Format));
        Assert.Equal((null, ToolCallFormat.Hermes), (Look(template, "hermes").Refusal, Look(template, "hermes").Format));
    }

    [Theory]
    [InlineData("google-gemma-2-2b-it")]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B")]
    public void Look_TemplateThatShowsNoTools_RefusesThemWhateverTheSetting(string template)
    {
        // Looked at before anything is asserted of it: without the shared data the test is skipped, which Assert.All would take for a failure.
        var found = ToolSupport.Settings.Select(setting => Look(template, setting)).ToList();
        Assert.All(found, support => Assert.Contains("is shown no tools", support.Refusal, StringComparison.Ordinal));
        Assert.All(found, support => Assert.Null(support.Format));
    }

    [Theory]
    [InlineData("meetkai-functionary-medium-v3.2", true, false)]
    [InlineData("deepseek-ai-DeepSeek-R1-Distill-Llama-8B", true, true)]
    public void Look_TemplateThatWantsCallsInAnotherStyle_FindsTheStyle(string template, bool argumentsAsText, bool nullContent) =>
        Assert.Equal(new CallStyle(argumentsAsText, nullContent), Look(template).Style);

    [Fact]
    public void Of_FunctionWithoutDescription_HasAnEmptyOneWhereTheTemplateFailsWithout()
    {
        var tools = JsonDocument.Parse("""[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g","description":"G."}}]""").RootElement;
        var chat = new ChatPrompt(JsonDocument.Parse("""[{"role":"user","content":"x"}]""").RootElement, tools);

        Assert.Equal(tools.GetRawText(), ShownTools.Of(chat, Look("Qwen-Qwen2.5-7B-Instruct"))!.Value.GetRawText());
        var shown = ShownTools.Of(chat, Look("openai-gpt-oss-120b"))!.Value;
        Assert.Equal(["", "G."], shown.EnumerateArray().Select(tool => tool.GetProperty("function").GetProperty("description").GetString()));
        Assert.Contains("// \ntype f = () => any;", Renderer(Template("openai-gpt-oss-120b")).Render(chat.Messages, shown, true, null), StringComparison.Ordinal);
    }

    [Fact]
    public void Look_NoTemplate_RefusesTools() => Assert.Contains("no chat template", ToolProbe.Look(null, "hermes").Refusal, StringComparison.Ordinal);

    private static ToolSupport Look(string template, string setting = ToolSupport.Automatic) =>
        ToolProbe.Look(Renderer(Template(template)), setting);

    private static string Template(string name) => File.ReadAllText(Path.Combine(Repository.SharedData("tokenizers", "chat-templates", "llama.cpp"), name + ".jinja"));

    private static ConversationRenderer Renderer(string template) => new(Tokenizer, ChatTemplate.Parse(template), TimeProvider.System);
}
