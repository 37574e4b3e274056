using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Seed-OSS: a Llama with biases on q, k and v, and none on o, unless its file says otherwise.</summary>
public sealed class SeedOssProgramBuilder : IProgramBuilder
{
    /// <inheritdoc/>
    public string Architecture => "SeedOssForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return ConfigReader.Read(fields, new ConfigDefaults(KvHeads: 8, HeadSize: 128, UsesSlidingWindow: false)) with
        {
            QkvBias = fields.Flag("attention_bias", true),
            OutputBias = fields.Flag("attention_out_bias", false),
            MlpBias = fields.Flag("mlp_bias", false),
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
