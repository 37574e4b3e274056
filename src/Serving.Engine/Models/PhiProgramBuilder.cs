using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Phi-1, 1.5 (arXiv 2309.05463) and 2: one LayerNorm before attention and MLP, both added to the residual stream, an MLP without a gate through GELU, a part of a head rotated, biases everywhere, those of
/// the logits among them.
/// </summary>
public sealed class PhiProgramBuilder : IProgramBuilder
{
    private static readonly ConfigDefaults Defaults = new() { Positions = 2048, Implemented = [PartialRotation.Key], Activations = ["gelu_new", "gelu_pytorch_tanh"] };

    /// <inheritdoc/>
    public string Architecture => "PhiForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var config = CentredNorms.Apply(ConfigReader.Read(fields, Defaults), fields, "layer_norm_eps", hasBias: true);
        return config with
        {
            QkvBias = true,
            OutputBias = true,
            MlpBias = true,
            HeadBias = true,
            RotatedSize = PartialRotation.Read(fields, config.Shape.HeadSize, 0.5),
            Norms = LayerNorms.Shared with { Final = "model.final_layernorm" },
            OutputName = "dense",
            Mlp = MlpNames.Phi,
            UngatedActivation = MlpActivation.GeluTanh,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
