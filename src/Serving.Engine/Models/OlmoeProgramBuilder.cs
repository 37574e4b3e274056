using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>OLMoE (arXiv 2409.02060): a Llama's layer whose heads of q are normed as one, as all of k are, with many small MLPs in the place of one.</summary>
public sealed class OlmoeProgramBuilder : IProgramBuilder
{
    private const string Experts = "num_experts";

    /// <inheritdoc/>
    public string Architecture => "OlmoeForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var bias = fields.Flag("attention_bias", false);
        var config = ConfigReader.Read(fields, new ConfigDefaults(UsesSlidingWindow: false) { Implemented = [Experts, "num_experts_per_tok"] });
        return config with
        {
            RmsEpsilon = ConfigReader.Epsilon(fields, 1e-5),
            QkvBias = bias,
            OutputBias = bias,
            NormsHeadsTogether = true,
            Mixture = new MixtureConfig(MixtureConfig.ReadShape(fields, Experts, 8), config.Shape.IntermediateSize, fields.Flag("norm_topk_prob", false), MixtureTensors.Qwen),
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
