using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Nemotron 4 (arXiv 2402.16819) and Minitron: LayerNorms whose checkpoints hold the difference from 1, an MLP without a gate through a squared ReLU, half of a head rotated.
/// </summary>
public sealed class NemotronProgramBuilder : IProgramBuilder
{
    private static readonly ConfigDefaults Defaults = new() { Positions = 4096, Implemented = [PartialRotation.Key], Activations = ["relu2"] };

    /// <inheritdoc/>
    public string Architecture => "NemotronForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var bias = fields.Flag("attention_bias", false);
        var config = CentredNorms.Apply(ConfigReader.Read(fields, Defaults), fields, "norm_eps", hasBias: true);
        return config with
        {
            QkvBias = bias,
            OutputBias = bias,
            MlpBias = fields.Flag("mlp_bias", false),
            NormOffset = 1,
            RotatedSize = PartialRotation.Read(fields, config.Shape.HeadSize, 0.5),
            Mlp = MlpNames.Ungated,
            UngatedActivation = MlpActivation.SquaredRelu,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
