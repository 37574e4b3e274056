using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Phi-3, Phi-3.5 and Phi-4 (mini and the 14B ones): q, k and v are one tensor, gate and up another; mini of Phi-4 rotates three quarters of a head; contexts beyond the
/// original length by LongRoPE. All layers have a window where the file says so.
/// </summary>
public sealed class Phi3ProgramBuilder : IProgramBuilder
{
    /// <inheritdoc/>
    public string Architecture => "Phi3ForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        foreach (var bias in new[] { "attention_bias", "mlp_bias" })
        {
            if (fields.Flag(bias, false))
            {
                throw new MalformedFileException($"{bias} is not supported");
            }
        }

        var config = ConfigReader.Read(fields, new ConfigDefaults { Implemented = [PartialRotation.Key, "longrope"] });
        var rotated = PartialRotation.Read(fields, config.Shape.HeadSize, 1);
        if (config.Rope.Scaling is LongRope rope && (rope.Short.Count != rotated / 2 || rope.Long.Count != rotated / 2))
        {
            throw new MalformedFileException($"short_factor and long_factor do not have {rotated / 2} numbers each, one for each rotated pair");
        }

        return config with { FusedQkv = true, FusedGateUp = true, RotatedSize = rotated };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
