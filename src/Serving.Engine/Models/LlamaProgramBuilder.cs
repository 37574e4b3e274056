using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Llama 2, 3, 3.1 and 3.2: <c>attention_bias</c> covers q, k, v and o, <c>mlp_bias</c> gate, up and down.</summary>
public sealed class LlamaProgramBuilder : IProgramBuilder
{
    /// <inheritdoc/>
    public string Architecture => "LlamaForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var attentionBias = fields.Flag("attention_bias", false);
        return ConfigReader.Read(fields, new ConfigDefaults()) with
        {
            QkvBias = attentionBias,
            OutputBias = attentionBias,
            MlpBias = fields.Flag("mlp_bias", false),
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
