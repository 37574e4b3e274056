using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Qwen3's mixtures of experts (Qwen3-30B-A3B, Qwen3-Coder-30B-A3B, Qwen3-235B-A22B): its dense layer with many small MLPs, but for layers that the config leaves dense.
/// </summary>
public sealed class Qwen3MoeProgramBuilder : IProgramBuilder
{
    private const string Experts = "num_experts";
    private const string Width = "moe_intermediate_size";

    /// <inheritdoc/>
    public string Architecture => "Qwen3MoeForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var attentionBias = fields.Flag("attention_bias", false);
        var defaults = new ConfigDefaults(KvHeads: 4, UsesSlidingWindow: false) { WindowlessLayers = 28, Implemented = [Experts, "num_experts_per_tok", Width] };
        var config = ConfigReader.Read(fields, defaults);
        return config with
        {
            QueryKeyNorm = true,
            QkvBias = attentionBias,
            OutputBias = attentionBias,
            Mixture = new MixtureConfig(
                MixtureConfig.ReadShape(fields, Experts), fields.Int(Width, 1, ConfigReader.MaxIntermediate), fields.Flag("norm_topk_prob", false), MixtureTensors.Qwen)
            {
                DenseLayers = DenseLayers(fields, config.Shape.LayerCount),
            },
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);

    /// <summary>Those of <c>mlp_only_layers</c>, and all but every <c>decoder_sparse_step</c>-th.</summary>
    private static HashSet<int> DenseLayers(JsonFields fields, int layers)
    {
        var step = fields.Int("decoder_sparse_step", 1, ConfigReader.MaxLayers, 1);
        return [.. fields.Ints("mlp_only_layers", 0, layers - 1, layers), .. Enumerable.Range(0, layers).Where(layer => (layer + 1) % step != 0)];
    }
}
