using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Granite 3, dense or with experts: a Llama whose embeddings, scores, additions to the residual stream and logits have factors (<see cref="GraniteFactors"/>).
/// </summary>
/// <param name="architecture">The class name.</param>
/// <param name="hasExperts">Whether its MLPs are mixtures of experts.</param>
/// <param name="hasShared">Whether every token goes through an MLP beside them.</param>
public sealed class GraniteProgramBuilder(string architecture, bool hasExperts, bool hasShared = false) : IProgramBuilder
{
    private const string Experts = "num_local_experts";
    private const string SharedWidth = "shared_intermediate_size";

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var attentionBias = fields.Flag("attention_bias", false);
        string[] experts = hasExperts ? [Experts, "num_experts_per_tok", .. hasShared ? (string[])[SharedWidth] : []] : [];
        var config = ConfigReader.Read(fields, new ConfigDefaults { Implemented = [.. GraniteFactors.Keys, .. experts] });
        return GraniteFactors.Apply(config, fields) with
        {
            QkvBias = attentionBias,
            OutputBias = attentionBias,
            MlpBias = fields.Flag("mlp_bias", false),
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
}
