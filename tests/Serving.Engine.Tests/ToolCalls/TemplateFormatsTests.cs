using Serving.Engine.Reasoning;
using Serving.Engine.Tokenization;
using Serving.Engine.Tokenization.Templates;
using Serving.Engine.ToolCalls;
using Serving.Testing;

namespace Serving.Engine.Tests.ToolCalls;

/// <summary>What every published template of the shared data is found to write: a change to a probe or a format shows here.</summary>
public sealed class TemplateFormatsTests
{
    // Template, how it writes calls ("-" where it shows no tools, "?" where its form is not known), how it marks thoughts.
    private const string Found = """
        Apertus-8B-Instruct apertus -
        Apriel-1.6-15b-Thinker-fixed hunyuan_a13b -
        ByteDance-Seed-OSS seed_oss -
        Cohere2MoE cohere_command3 cohere_command4
        CohereForAI-c4ai-command-r7b-12-2024-tool_use cohere_command3 cohere_command3
        GLM-4.6 glm45 deepseek_r1
        GLM-5.2 glm45 deepseek_r1
        GigaChat3-10B-A1.8B gigachat3 -
        HuggingFaceTB-SmolLM3-3B - deepseek_r1
        Kimi-K2-Instruct ? -
        LFM2-8B-A1B ? -
        LFM2.5-Instruct ? -
        MiroThinker - deepseek_r1
        Mistral-Small-3.2-24B-Instruct-2506 mistral -
        NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use hermes -
        NousResearch-Hermes-3-Llama-3.1-8B-tool_use hermes -
        Qwen-Qwen2.5-7B-Instruct hermes -
        Qwen-Qwen3-0.6B hermes deepseek_r1
        Qwen3.5-4B qwen3_coder deepseek_r1
        Reka-Edge hermes deepseek_r1
        deepseek-ai-DeepSeek-R1-Distill-Llama-8B - deepseek_r1
        deepseek-ai-DeepSeek-R1-Distill-Qwen-32B - deepseek_r1
        deepseek-ai-DeepSeek-V3.2 deepseek_v32 deepseek_r1
        deepseek-ai-DeepSeek-V4 deepseek_v4 deepseek_r1
        google-gemma-2-2b-it - -
        google-gemma-4-31B-it-interleaved gemma4 gemma4
        ibm-granite-granite-3.3-2B-Instruct granite granite
        llama-cpp-deepseek-r1 - deepseek_r1
        meetkai-functionary-medium-v3.1 functionary_v3.1 -
        meetkai-functionary-medium-v3.2 ? -
        meta-llama-Llama-3.2-3B-Instruct llama3_json -
        meta-llama-Llama-3.3-70B-Instruct llama3_json -
        mistralai-Ministral-3-14B-Reasoning-2512 mistral mistral
        mistralai-Mistral-Nemo-Instruct-2407 mistral -
        openai-gpt-oss-120b openai openai_gptoss
        stepfun-ai-Step-3.5-Flash qwen3_coder deepseek_r1
        unsloth-mistral-Devstral-Small-2507 mistral -
        """;

    private static readonly Tokenizer Tokenizer = Tokenizer.Load(Repository.DemoModel);

    [Fact]
    public void Look_EveryTemplate_FindsWhatIsRecorded()
    {
        var folder = Repository.SharedData("tokenizers", "chat-templates", "llama.cpp");
        var found = Directory.GetFiles(folder, "*.jinja").Order(StringComparer.Ordinal).Select(Describe).ToList();
        Assert.Equal(Found.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries), found);
    }

    private static string Describe(string path)
    {
        var renderer = new ConversationRenderer(Tokenizer, ChatTemplate.Parse(File.ReadAllText(path)), TimeProvider.System);
        var reasoning = ReasoningProbe.Look(renderer, ReasoningSupport.Automatic);
        var tools = reasoning.Beside(ToolProbe.Look(renderer, ToolSupport.Automatic));
        var calls = tools.Format?.Name ?? (tools.Refusal!.Contains("is shown no tools", StringComparison.Ordinal) ? "-" : "?");
        return $"{Path.GetFileNameWithoutExtension(path)} {calls} {reasoning.Format?.Name ?? "-"}";
    }
}
