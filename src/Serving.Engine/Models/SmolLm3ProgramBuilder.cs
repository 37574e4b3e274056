using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>SmolLM3: a Llama of which some layers, every fourth by default, do not rotate q and k.</summary>
public sealed class SmolLm3ProgramBuilder : IProgramBuilder
{
    private const string Layers = "no_rope_layers";
    private const string Interval = "no_rope_layer_interval";

    /// <inheritdoc/>
    public string Architecture => "SmolLM3ForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var attentionBias = fields.Flag("attention_bias", false);
        var config = ConfigReader.Read(fields, new ConfigDefaults(KvHeads: 4, UsesSlidingWindow: false) { WindowlessLayers = 28, Implemented = [Layers, Interval], RopeTheta = 2_000_000 });
        return config with
        {
            QkvBias = attentionBias,
            OutputBias = attentionBias,
            MlpBias = fields.Flag("mlp_bias", false),
            UnrotatedLayers = UnrotatedOf(fields, config.Shape.LayerCount),
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);

    // In the list, against its name, 1 is a layer that rotates.
    private static HashSet<int> UnrotatedOf(JsonFields fields, int layers)
    {
        if (!fields.Has(Layers))
        {
            var interval = fields.Int(Interval, 1, ConfigReader.MaxLayers, 4);
            return [.. Enumerable.Range(0, layers).Where(layer => (layer + 1) % interval == 0)];
        }

        var rotates = fields.Ints(Layers, 0, 1, ConfigReader.MaxLayers);
        return rotates.Count == layers ? [.. Enumerable.Range(0, layers).Where(layer => rotates[layer] == 0)] : throw fields.Wrong(Layers, "a number for each layer");
    }
}
