using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// MiniCPM 1, 2 and 4 (arXiv 2404.06395): a Llama with factors of embeddings (<c>scale_emb</c>), of what is added to the residual stream (<c>scale_depth</c> ÷ √layers) and of the logits (<c>dim_model_base</c> ÷
/// hidden size). What attends to a part of the context (<c>sparse_config</c>) is refused.
/// </summary>
public sealed class MiniCpmProgramBuilder : IProgramBuilder
{
    private const double Least = 1e-4;
    private const double Most = 1e4;
    private const string Embedding = "scale_emb";
    private const string Depth = "scale_depth";
    private const string Base = "dim_model_base";
    private const string Sparse = "sparse_config";

    private static readonly ConfigDefaults Defaults = new(UsesSlidingWindow: false) { Tied = true, Implemented = [Embedding, Depth, Base, "longrope"] };

    /// <inheritdoc/>
    public string Architecture => "MiniCPMForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        if (fields.Has(Sparse))
        {
            throw new MalformedFileException($"{Sparse} is not supported");
        }

        var config = ConfigReader.Read(fields, Defaults);
        var bias = fields.Flag("attention_bias", false);
        if (config.Rope.Scaling is LongRope rope && (rope.Short.Count != config.Shape.HeadSize / 2 || rope.Long.Count != config.Shape.HeadSize / 2))
        {
            throw new MalformedFileException($"short_factor and long_factor do not have {config.Shape.HeadSize / 2} numbers each, one for each pair");
        }

        return GraniteFactors.Apply(
            config,
            fields.Number(Embedding, Least, Most, 1),
            fields.Number(Depth, Least, Most, 1) / Math.Sqrt(config.Shape.LayerCount),
            fields.Number(Base, 1, 1 << 20, 1) / config.Shape.HiddenSize) with
        {
            QkvBias = bias,
            OutputBias = bias,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
