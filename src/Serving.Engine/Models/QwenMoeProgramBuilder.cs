using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Qwen's mixtures of experts: its dense layer with many small MLPs, but for layers that the config leaves dense. Qwen3's (Qwen3-30B-A3B, Qwen3-Coder-30B-A3B, Qwen3-235B-A22B) norm the heads of q
/// and k; Qwen2's (Qwen1.5-MoE-A2.7B, Qwen2-57B-A14B) have biases on q, k and v, and beside the experts an MLP that every token goes through.
/// </summary>
/// <param name="architecture">The class name.</param>
/// <param name="isSecond">Whether it is Qwen2's.</param>
public sealed class QwenMoeProgramBuilder(string architecture, bool isSecond) : IProgramBuilder
{
    private const string Experts = "num_experts";
    private const string Width = "moe_intermediate_size";
    private const string SharedWidth = "shared_expert_intermediate_size";

    private readonly ConfigDefaults _defaults = new(KvHeads: isSecond ? 16 : 4, UsesSlidingWindow: false)
    {
        WindowlessLayers = 28,
        Implemented = [Experts, "num_experts_per_tok", Width, .. isSecond ? (string[])[SharedWidth] : []],
    };

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var config = ConfigReader.Read(fields, _defaults);
        if (isSecond && fields.Flag("use_sliding_window", false) && !fields.Has("layer_types"))
        {
            // Which layers have the window has changed with transformers' versions.
            throw new MalformedFileException("use_sliding_window without layer_types is not supported");
        }

        var attentionBias = fields.Flag("attention_bias", false);
        return config with
        {
            QueryKeyNorm = !isSecond,
            QkvBias = isSecond ? fields.Flag("qkv_bias", true) : attentionBias,
            OutputBias = !isSecond && attentionBias,
            Mixture = new MixtureConfig(
                MixtureConfig.ReadShape(fields, Experts), fields.Int(Width, 1, ConfigReader.MaxIntermediate), fields.Flag("norm_topk_prob", false), MixtureTensors.Qwen)
            {
                Shared = isSecond ? SharedExpert.Qwen(fields.Int(SharedWidth, 1, ConfigReader.MaxIntermediate)) : null,
                DenseLayers = DenseLayers(fields, config.Shape.LayerCount),
            },
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);

    /// <summary>Those of <c>mlp_only_layers</c>, and all but every <c>decoder_sparse_step</c>-th.</summary>
    internal static HashSet<int> DenseLayers(JsonFields fields, int layers)
    {
        var step = fields.Int("decoder_sparse_step", 1, ConfigReader.MaxLayers, 1);
        return [.. fields.Ints("mlp_only_layers", 0, layers - 1, layers), .. Enumerable.Range(0, layers).Where(layer => (layer + 1) % step != 0)];
    }
}
