using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>StarCoder 2 (arXiv 2402.19173): LayerNorms, biases everywhere, an MLP without a gate through GELU, a window on all layers where the file says so.</summary>
public sealed class StarCoder2ProgramBuilder : IProgramBuilder
{
    private static readonly ConfigDefaults Defaults = new() { Tied = true, Activations = ["gelu_pytorch_tanh"] };

    /// <inheritdoc/>
    public string Architecture => "Starcoder2ForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        foreach (var (key, kind) in new[] { ("norm_type", "layer_norm"), ("mlp_type", "default") })
        {
            if (fields.Text(key, kind) != kind)
            {
                throw new MalformedFileException($"{key} is not supported but as {kind}");
            }
        }

        var bias = fields.Flag("use_bias", true);
        return CentredNorms.Apply(ConfigReader.Read(fields, Defaults), fields, "norm_epsilon", hasBias: true) with
        {
            QkvBias = bias,
            OutputBias = bias,
            MlpBias = bias,
            Mlp = MlpNames.StarCoder,
            UngatedActivation = MlpActivation.GeluTanh,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
