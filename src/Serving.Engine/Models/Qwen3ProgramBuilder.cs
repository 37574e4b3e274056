using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Qwen3 (dense): RMSNorm on every head of q and k before rotation; heads of 128 unless the config says otherwise.</summary>
public sealed class Qwen3ProgramBuilder : IProgramBuilder
{
    /// <inheritdoc/>
    public string Architecture => "Qwen3ForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var attentionBias = fields.Flag("attention_bias", false);
        return ConfigReader.Read(fields, new ConfigDefaults(KvHeads: 32, HeadSize: 128, UsesSlidingWindow: false) { WindowlessLayers = 28 }) with
        {
            QueryKeyNorm = true,
            QkvBias = attentionBias,
            OutputBias = attentionBias,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
