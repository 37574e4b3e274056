using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>InternLM3: a Llama; <c>qkv_bias</c> covers q, k and v, <c>bias</c> o, gate, up and down.</summary>
public sealed class InternLm3ProgramBuilder : IProgramBuilder
{
    /// <inheritdoc/>
    public string Architecture => "InternLM3ForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var bias = fields.Flag("bias", false);
        return ConfigReader.Read(fields, new ConfigDefaults(UsesSlidingWindow: false)) with { QkvBias = fields.Flag("qkv_bias", false), OutputBias = bias, MlpBias = bias };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
