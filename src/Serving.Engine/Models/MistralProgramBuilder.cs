using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Mistral: Llama's layer without biases; a config that leaves the sliding window out means 4,096 tokens, one that says null means none.</summary>
public sealed class MistralProgramBuilder : IProgramBuilder
{
    /// <inheritdoc/>
    public string Architecture => "MistralForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return ConfigReader.Read(fields, new ConfigDefaults(KvHeads: 8, SlidingWindow: 4096));
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
