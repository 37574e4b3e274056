using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// EXAONE 4 (arXiv 2507.11407): heads of q and k are normed, norms stand behind attention and MLP alone. With a window it is on three layers of four, and the fourth does not rotate; without one
/// all rotate.
/// </summary>
public sealed class Exaone4ProgramBuilder : IProgramBuilder
{
    private const int Window = 4096;
    private const int WindowlessLayer = 4;

    /// <inheritdoc/>
    public string Architecture => "Exaone4ForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var config = ConfigReader.Read(fields, new ConfigDefaults(UsesSlidingWindow: false));
        var windows = WindowPattern.Read(fields, config.Shape.LayerCount, Window, WindowlessLayer);
        return config with
        {
            RmsEpsilon = ConfigReader.Epsilon(fields, 1e-5),
            QueryKeyNorm = true,
            Norms = LayerNorms.Behind,
            Windows = windows,
            UnrotatedLayers = windows.Index().Where(layer => layer.Item == 0).Select(layer => layer.Index).ToHashSet(),
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
