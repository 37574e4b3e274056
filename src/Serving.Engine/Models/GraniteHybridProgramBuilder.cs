using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Granite 4 where every layer attends (micro, 1b and 350m): Granite 3, whose MLP is what models with experts have beside them. Layers with a state space, models with experts and those that do not
/// rotate q and k are refused.
/// </summary>
public sealed class GraniteHybridProgramBuilder : IProgramBuilder
{
    private const string LayerTypes = "layer_types";
    private const string Width = "shared_intermediate_size";
    private const string Positions = "position_embedding_type";

    private static readonly ConfigDefaults Defaults = new(UsesSlidingWindow: false) { Implemented = [.. GraniteFactors.Keys, LayerTypes, Width, Positions] };

    /// <inheritdoc/>
    public string Architecture => "GraniteMoeHybridForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var config = ConfigReader.Read(fields, Defaults);
        if (fields.Texts(LayerTypes, ConfigReader.MaxLayers) is var types && (types.Count != config.Shape.LayerCount || types.Any(type => type != "attention")))
        {
            throw new MalformedFileException($"{LayerTypes} other than 'attention' in every layer (the models named h- have state spaces) is not supported");
        }

        if (fields.Text(Positions) is var positions && positions != "rope")
        {
            throw new MalformedFileException($"{Positions} {MalformedFileException.Quote(positions)} is not supported ('rope' is)");
        }

        var bias = fields.Flag("attention_bias", false);
        return GraniteFactors.Apply(config, fields) with
        {
            Shape = config.Shape with { IntermediateSize = fields.Int(Width, 1, ConfigReader.MaxIntermediate, 1024) },
            QkvBias = bias,
            OutputBias = bias,
            FusedGateUp = true,
            Mlp = MlpNames.Shared,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
