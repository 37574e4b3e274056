using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Granite 3, dense or with experts: a Llama whose embeddings, scores, additions to the residual stream and logits have factors. No op has the last two: the residual stream is kept divided by its
/// factor m, so that o and down are added to it as they are, and what is not changed by it, since norms see the ratio of its elements alone, is
/// <code>
///   r' = r ÷ m      embedding × (e ÷ m)      norm(r) with ε  =  norm(r') with ε ÷ m²      logits ÷ s  =  final norm's weight ÷ s, exact for a power of two
/// </code>
/// </summary>
/// <param name="architecture">The class name.</param>
/// <param name="hasExperts">Whether its MLPs are mixtures of experts.</param>
/// <param name="hasShared">Whether every token goes through an MLP beside them.</param>
public sealed class GraniteProgramBuilder(string architecture, bool hasExperts, bool hasShared = false) : IProgramBuilder
{
    private const string Experts = "num_local_experts";
    private const string SharedWidth = "shared_intermediate_size";
    private const double Least = 1e-4;
    private const double Most = 1e4;
    private const string Embedding = "embedding_multiplier";
    private const string Residual = "residual_multiplier";
    private const string Attention = "attention_multiplier";
    private const string Logits = "logits_scaling";

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var attentionBias = fields.Flag("attention_bias", false);
        string[] experts = hasExperts ? [Experts, "num_experts_per_tok", .. hasShared ? (string[])[SharedWidth] : []] : [];
        var config = ConfigReader.Read(fields, new ConfigDefaults { Implemented = [Embedding, Residual, Attention, Logits, .. experts] });
        var residual = fields.Number(Residual, Least, Most, 1);
        return config with
        {
            QkvBias = attentionBias,
            OutputBias = attentionBias,
            MlpBias = fields.Flag("mlp_bias", false),
            ResidualScale = (float)residual,
            RmsEpsilon = (float)(config.RmsEpsilon / (residual * residual)),
            EmbeddingScale = (float)(fields.Number(Embedding, Least, Most, 1) / residual),
            AttentionScale = (float)fields.Number(Attention, Least, Most, 1),
            LogitScale = LogitScaleOf(fields),
            Mixture = hasExperts ? MixtureOf(fields, config) : null,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);

    private MixtureConfig MixtureOf(JsonFields fields, ModelConfig config)
    {
        // A width of 0 says that there is no such MLP.
        var width = hasShared ? fields.Int(SharedWidth, 0, ConfigReader.MaxIntermediate, 1024) : 0;
        return new MixtureConfig(MixtureConfig.ReadShape(fields, Experts, 2), config.Shape.IntermediateSize, true, MixtureTensors.Granite)
        {
            Shared = width > 0 ? SharedExpert.Granite(width) : null,
        };
    }

    private static float LogitScaleOf(JsonFields fields)
    {
        var divisor = (float)fields.Number(Logits, Least, Most, 1);
        return float.IsPow2(divisor) ? 1 / divisor : throw new MalformedFileException($"{Logits} other than a power of two is not supported");
    }
}
