using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Mixtral (arXiv 2401.04088): Mistral's layer with eight MLPs, of which every token goes through two.</summary>
public sealed class MixtralProgramBuilder : IProgramBuilder
{
    private const string Experts = "num_local_experts";

    /// <inheritdoc/>
    public string Architecture => "MixtralForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var config = ConfigReader.Read(fields, new ConfigDefaults(KvHeads: 8) { Implemented = [Experts, "num_experts_per_tok"] });
        return config with { Mixture = new MixtureConfig(MixtureConfig.ReadShape(fields, Experts, 2), config.Shape.IntermediateSize, true, MixtureTensors.Mixtral) };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
