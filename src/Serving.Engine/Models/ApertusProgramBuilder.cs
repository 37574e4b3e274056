using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Apertus (arXiv 2509.14233): a Llama whose heads of q and k are normed and whose MLP has no gate but xIELU, by numbers that every layer has learnt.</summary>
public sealed class ApertusProgramBuilder : IProgramBuilder
{
    private const string HeadNorm = "qk_norm";

    private static readonly ConfigDefaults Defaults = new() { Positions = 65_536, RopeTheta = 12_000_000, Activations = ["xielu"] };

    /// <inheritdoc/>
    public string Architecture => "ApertusForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        if (!fields.Flag(HeadNorm, true) || fields.Flag("post_norm", false) || fields.Flag("mlp_bias", false))
        {
            throw new MalformedFileException($"{HeadNorm} that is false, post_norm and mlp_bias are not supported");
        }

        var bias = fields.Flag("attention_bias", false);
        return ConfigReader.Read(fields, Defaults) with
        {
            RmsEpsilon = ConfigReader.Epsilon(fields, 1e-5),
            QkvBias = bias,
            OutputBias = bias,
            QueryKeyNorm = true,
            Norms = new LayerNorms("attention_layernorm", null, "feedforward_layernorm", null),
            Mlp = MlpNames.Ungated,
            UngatedActivation = MlpActivation.XIelu,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
