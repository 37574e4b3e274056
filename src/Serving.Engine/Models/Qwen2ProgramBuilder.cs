using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Qwen2 and Qwen2.5: q, k and v always have biases, o never; the sliding window counts only when <c>use_sliding_window</c> is true.</summary>
public sealed class Qwen2ProgramBuilder : IProgramBuilder
{
    /// <inheritdoc/>
    public string Architecture => "Qwen2ForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return ConfigReader.Read(fields, new ConfigDefaults(KvHeads: 32, UsesSlidingWindow: false) { WindowlessLayers = 28 }) with { QkvBias = true };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
