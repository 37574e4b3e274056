using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// StableLM 2 (arXiv 2402.17834): a Llama with LayerNorms, of which a quarter of a head is rotated; the 1.6B model has biases on q, k and v, that of 12B one norm before attention and MLP, and a
/// LayerNorm of every head of q and k.
/// </summary>
public sealed class StableLmProgramBuilder : IProgramBuilder
{
    private const string SharedNorm = "use_parallel_residual";
    private const string HeadNorm = "qk_layernorm";

    private static readonly ConfigDefaults Defaults = new() { Implemented = [PartialRotation.Key, SharedNorm, HeadNorm] };

    /// <inheritdoc/>
    public string Architecture => "StableLmForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var config = CentredNorms.Apply(ConfigReader.Read(fields, Defaults), fields, "layer_norm_eps", hasBias: true);
        return config with
        {
            QkvBias = fields.Flag("use_qkv_bias", false),
            RotatedSize = PartialRotation.Read(fields, config.Shape.HeadSize, 0.25),
            Norms = fields.Flag(SharedNorm, false) ? LayerNorms.Shared : LayerNorms.Before,
            HeadNorms = fields.Flag(HeadNorm, false) ? HeadNorms.Apart : HeadNorms.None,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
