using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// GLM-4, of 2024 (<c>GlmForCausalLM</c>) and 0414 (<c>Glm4ForCausalLM</c>): biases on q, k and v, half of a head rotated, in pairs of neighbours, gate and up in one tensor; that of 0414 norms
/// what attention and MLP give back, too.
/// </summary>
/// <param name="architecture">The class name.</param>
/// <param name="norms">Where its norms are.</param>
public sealed class GlmProgramBuilder(string architecture, LayerNorms norms) : IProgramBuilder
{
    private static readonly ConfigDefaults Defaults = new(KvHeads: 2, HeadSize: 128, UsesSlidingWindow: false) { Implemented = [PartialRotation.Key] };

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var config = ConfigReader.Read(fields, Defaults);
        return config with
        {
            RmsEpsilon = ConfigReader.Epsilon(fields, 1.5625e-7),
            QkvBias = fields.Flag("attention_bias", true),
            FusedGateUp = true,
            RotatedSize = PartialRotation.Read(fields, config.Shape.HeadSize, 0.5),
            RotatesNeighbours = true,
            Norms = norms,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
