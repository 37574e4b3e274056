using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Hunyuan's dense models (0.5B to 7B): a Llama whose heads of q and k are normed behind the rotation, and whose rotary base is stretched by a power of a factor.</summary>
public sealed class HunyuanProgramBuilder : IProgramBuilder
{
    private const string HeadNorm = "use_qk_norm";
    private const string Experts = "num_experts";

    private static readonly ConfigDefaults Defaults = new() { Positions = 2048, Implemented = [HeadNorm, Experts, RopeConfig.Alpha] };

    /// <inheritdoc/>
    public string Architecture => "HunYuanDenseV1ForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        if (!fields.Flag(HeadNorm, true))
        {
            throw new MalformedFileException($"{HeadNorm} that is false is not supported");
        }

        foreach (var key in new[] { "use_cla", "mlp_bias" })
        {
            if (fields.Flag(key, false))
            {
                throw new MalformedFileException($"{key} is not supported");
            }
        }

        // Files of dense models speak of one expert.
        _ = fields.Int(Experts, 0, 1, 1);
        var bias = fields.Flag("attention_bias", false);
        return ConfigReader.Read(fields, Defaults) with
        {
            RmsEpsilon = ConfigReader.Epsilon(fields, 1e-5),
            QkvBias = bias,
            OutputBias = bias,
            QueryKeyNorm = true,
            HeadNormNames = ("query_layernorm", "key_layernorm"),
            NormsTurned = true,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
