using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>The model families that are served, by architecture name.</summary>
public static class ModelRegistry
{
    private static readonly IProgramBuilder[] Builders =
    [
        new LlamaProgramBuilder(),
        new MistralProgramBuilder(),
        new MinistralProgramBuilder("Ministral3ForCausalLM", isPart: false),
        new MinistralProgramBuilder("Mistral3ForConditionalGeneration", isPart: true),
        new Qwen2ProgramBuilder(),
        new Qwen3ProgramBuilder("Qwen3ForCausalLM", isPart: false),
        new Qwen3ProgramBuilder("Qwen3VLForConditionalGeneration", isPart: true),
        new GemmaProgramBuilder(),
        new Gemma2ProgramBuilder(),
        new Gemma3ProgramBuilder("Gemma3ForCausalLM", isPart: false),
        new Gemma3ProgramBuilder("Gemma3ForConditionalGeneration", isPart: true),
        new Phi3ProgramBuilder(),
        new GraniteProgramBuilder("GraniteForCausalLM", hasExperts: false),
        new GraniteProgramBuilder("GraniteMoeForCausalLM", hasExperts: true),
        new GraniteProgramBuilder("GraniteMoeSharedForCausalLM", hasExperts: true, hasShared: true),
        new GraniteHybridProgramBuilder(),
        new MiniCpmProgramBuilder(),
        new MixtralProgramBuilder(),
        new QwenMoeProgramBuilder("Qwen2MoeForCausalLM", isSecond: true),
        new QwenMoeProgramBuilder("Qwen3MoeForCausalLM", isSecond: false),
        new Qwen35ProgramBuilder("Qwen3NextForCausalLM", isPart: false, hasExperts: true, isNext: true),
        new Qwen35ProgramBuilder("Qwen3_5ForCausalLM", isPart: false, hasExperts: false),
        new Qwen35ProgramBuilder("Qwen3_5ForConditionalGeneration", isPart: true, hasExperts: false),
        new Qwen35ProgramBuilder("Qwen3_5MoeForCausalLM", isPart: false, hasExperts: true),
        new Qwen35ProgramBuilder("Qwen3_5MoeForConditionalGeneration", isPart: true, hasExperts: true),
        new GptOssProgramBuilder(),
        new SmolLm3ProgramBuilder(),
        new OlmoProgramBuilder("Olmo2ForCausalLM", hasWindows: false),
        new OlmoProgramBuilder("Olmo3ForCausalLM", hasWindows: true),
        new OlmoeProgramBuilder(),
        new GlmProgramBuilder("GlmForCausalLM", LayerNorms.Before),
        new GlmProgramBuilder("Glm4ForCausalLM", LayerNorms.Glm),
        new Exaone4ProgramBuilder(),
        new SeedOssProgramBuilder(),
        new ErnieProgramBuilder("Ernie4_5ForCausalLM"),
        new ErnieProgramBuilder("Ernie4_5_ForCausalLM"),
        new InternLm3ProgramBuilder(),
        new CohereProgramBuilder("CohereForCausalLM", hasWindows: false),
        new CohereProgramBuilder("Cohere2ForCausalLM", hasWindows: true),
        new StarCoder2ProgramBuilder(),
        new StableLmProgramBuilder(),
        new PhiProgramBuilder(),
        new NemotronProgramBuilder(),
        new ApertusProgramBuilder(),
        new HunyuanProgramBuilder(),
    ];

    /// <summary>The supported architecture names.</summary>
    public static IEnumerable<string> Architectures => Builders.Select(builder => builder.Architecture);

    /// <summary>The family of a config.</summary>
    /// <exception cref="MalformedFileException">None is named, or an unknown one; the message lists the supported ones.</exception>
    public static IProgramBuilder For(JsonFields config) => Find(ArchitectureOf(config));

    /// <summary>Builds a model's program for sequences of up to min(<paramref name="maxModelLength"/>, what the config allows) positions.</summary>
    public static ModelProgram Build(string name, ModelConfig config, int maxModelLength)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Find(config.Architecture).Build(name, config, Math.Min(config.MaxPositions, maxModelLength));
    }

    /// <summary>The one name under <c>architectures</c>.</summary>
    public static string ArchitectureOf(JsonFields config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var names = config.Texts("architectures", 16);
        return names.Count == 1 ? names[0] : throw config.Wrong("architectures", "a list of one name");
    }

    private static IProgramBuilder Find(string architecture)
    {
        return Array.Find(Builders, builder => builder.Architecture == architecture) ?? throw new MalformedFileException(
            $"architecture {MalformedFileException.Quote(architecture)} is not supported; supported are {string.Join(", ", Architectures)}");
    }
}
