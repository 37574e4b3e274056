using System.Text;
using System.Text.Json;
using Serving.Engine.Requests;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;
using Serving.Engine.ToolCalls;
using Serving.Testing;
using Serving.Testing.Models;

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
    [InlineData("deepseek-ai-DeepSeek-V4", "deepseek_v4")]
    [InlineData("Apertus-8B-Instruct", "apertus")]
    [InlineData("Apriel-1.6-15b-Thinker-fixed", "hunyuan_a13b")]
    [InlineData("Cohere2MoE", "cohere_command3")]
    [InlineData("CohereForAI-c4ai-command-r7b-12-2024-tool_use", "cohere_command3")]
    [InlineData("GigaChat3-10B-A1.8B", "gigachat3")]
    [InlineData("google-gemma-4-31B-it-interleaved", "gemma4")]
    [InlineData("ibm-granite-granite-3.3-2B-Instruct", "granite")]
    [InlineData("meetkai-functionary-medium-v3.1", "functionary_v3.1", true)]
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
    [InlineData("LFM2.5-Instruct")]
    [InlineData("meetkai-functionary-medium-v3.2")]
    public void Look_TemplateOfAnotherFormat_RefusesToolsUnlessTold(string template)
    {
        Assert.Contains("tool_call_parser", Look(template).Refusal, StringComparison.Ordinal);
        Assert.Equal((null, null), (Look(template, "none").Refusal, Look(template, "none").Format));
        Assert.Equal((null, ToolCallFormat.Hermes), (Look(template, "hermes").Refusal, Look(template, "hermes").Format));
    }

    /// <summary>Written as their models' templates write them, in few words: the formats that no template of the shared data has.</summary>
    [Theory]
    [InlineData("deepseek_v3", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>{{ item.type }}<｜tool▁sep｜>{{ call.name }}\n```json\n{{ call.arguments | tojson }}\n```<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>")]
    [InlineData("deepseek_v31", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>{{ call.name }}<｜tool▁sep｜>{{ call.arguments | tojson }}<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>")]
    [InlineData("kimi_k2", "<|tool_calls_section_begin|>", "<|tool_call_begin|>{{ item.id }}<|tool_call_argument_begin|>{{ call.arguments | tojson }}<|tool_call_end|>", "<|tool_calls_section_end|>")]
    [InlineData("minimax", "<tool_calls>\n", "{\"name\": \"{{ call.name }}\", \"arguments\": {{ call.arguments | tojson }}}\n", "</tool_calls>")]
    [InlineData("minimax_m2", "<minimax:tool_call>\n", "<invoke name=\"{{ call.name }}\">\n{% for k, v in call.arguments | items %}<parameter name=\"{{ k }}\">{{ v }}</parameter>\n{% endfor %}</invoke>\n", "</minimax:tool_call>")]
    [InlineData("pythonic", "[", "{{ call.name }}({% for k in call.arguments %}{{ k }}=\"{{ call.arguments[k] }}\"{% endfor %})", "]")]
    [InlineData("lfm2", "<|tool_call_start|>[", "{{ call.name }}({% for k in call.arguments %}{{ k }}='{{ call.arguments[k] }}'{% endfor %})", "]<|tool_call_end|>")]
    [InlineData("olmo3", "<function_calls>", "{{ call.name }}({% for k in call.arguments %}{{ k }}={{ call.arguments[k] | tojson }}{% endfor %})", "</function_calls>")]
    [InlineData("functiongemma", "", "<start_function_call>call:{{ call.name }}{{ '{' }}{% for k in call.arguments %}{{ k }}:<escape>{{ call.arguments[k] }}<escape>{% endfor %}{{ '}' }}<end_function_call>", "")]
    public void Look_TemplateThatWritesCallsSo_FindsTheFormat(string format, string before, string call, string after)
    {
        var support = ToolProbe.Look(Renderer(ScriptedModel.Template(call, before, after)), ToolSupport.Automatic);

        Assert.Equal((format, null), (support.Format?.Name, support.Refusal));
    }

    /// <summary>A template that shows no calls: what it tells the model of their form, or a token that the model has for them.</summary>
    [Theory]
    [InlineData("Answer with functools[{\"name\": …}]. ", "phi4_mini_json")]
    [InlineData("", null)]
    [InlineData("", "lfm2", "<|tool_call_start|>")]
    [InlineData("", "granite", "<|tool_call|>")]
    [InlineData("", null, "functions")]
    public void Look_TemplateThatShowsNoCalls_IsTakenAtItsWord(string told, string? format, string token = "x")
    {
        var tokenizer = Tokenizer.Parse(Encoding.UTF8.GetBytes($$"""
            {"added_tokens":[{"id":0,"content":"{{token}}","special":true}],"model":{"type":"BPE","merges":[],"vocab":{"{{token}}":0,"functools":1} } }
            """), default);
        var renderer = new ConversationRenderer(tokenizer, ChatTemplate.Parse("{% if tools %}" + told + "{{ tools | tojson }}{% endif %}{{ messages[0].content }}"), TimeProvider.System);

        Assert.Equal(format, ToolProbe.Look(renderer, ToolSupport.Automatic).Format?.Name);
    }

    /// <summary>Phi-4-mini's template knows of tools what its system message has.</summary>
    [Theory]
    [InlineData("""[{"role":"user","content":"x"}]""", "<|system|><|tool|>[{\"name\":\"f\"}, {\"name\":\"g\"}]<|/tool|><|end|><|user|>x<|end|>")]
    [InlineData("""[{"role":"system","content":"Be kind.","tools":"none"},{"role":"user","content":"x"}]""", "<|system|>Be kind.<|tool|>[{\"name\":\"f\"}, {\"name\":\"g\"}]<|/tool|><|end|><|user|>x<|end|>")]
    public void Look_TemplateThatShowsToolsOfTheSystemMessage_IsGivenThemThere(string messages, string prompt)
    {
        const string Template = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% if message.tools %}<|tool|>{{ message.tools }}<|/tool|>{% endif %}<|end|>{% endfor %}";
        var renderer = Renderer(Template);
        var tools = JsonDocument.Parse("""[{"type":"function","function":{"name":"f"} },{"type":"function","function":{"name":"g"} }]""").RootElement;

        Assert.True(ToolProbe.Look(renderer, ToolSupport.Automatic).InSystemMessage);
        Assert.Equal((true, null, ToolCallFormat.Granite), (ToolProbe.Look(renderer, "granite").InSystemMessage, ToolProbe.Look(renderer, "granite").Refusal, ToolProbe.Look(renderer, "granite").Format));
        Assert.False(Look("Qwen-Qwen3-0.6B").InSystemMessage);
        Assert.Equal(prompt, renderer.Render(SystemTools.In(JsonDocument.Parse(messages).RootElement, tools), null, false, null));
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
