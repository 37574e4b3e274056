using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// OLMo 2 (arXiv 2501.00656) and 3: a Llama whose norms stand behind attention and MLP, before the residual stream, and none before them; all heads of q are normed as one, and all of k.
/// OLMo 3 has a window on all layers but every fourth, and stretches the rotary embedding of those without one alone.
/// </summary>
/// <param name="architecture">The class name.</param>
/// <param name="hasWindows">Whether it is OLMo 3.</param>
public sealed class OlmoProgramBuilder(string architecture, bool hasWindows) : IProgramBuilder
{
    private const int Window = 4096;
    private const int WindowlessLayer = 4;
    private const double Theta = 500_000;

    private readonly ConfigDefaults _defaults = new(UsesSlidingWindow: false) { RopeTheta = hasWindows ? Theta : 10_000 };

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var bias = fields.Flag("attention_bias", false);
        var config = ConfigReader.Read(fields, _defaults) with
        {
            RmsEpsilon = ConfigReader.Epsilon(fields, 1e-5),
            QkvBias = bias,
            OutputBias = bias,
            NormsHeadsTogether = true,
            Norms = LayerNorms.Behind,
        };
        return hasWindows ? WithWindows(fields, config) : config;
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);

    private static ModelConfig WithWindows(JsonFields fields, ModelConfig config)
    {
        var (rope, local) = RopeConfig.ParseByLayer(fields, config.MaxPositions, config.Rope.Theta, config.Rope.Theta) ?? (config.Rope, config.Rope with { Scaling = new DefaultRope() });
        return config with
        {
            Rope = rope,
            LocalRope = local == rope ? null : local,
            Windows = WindowPattern.Read(fields, config.Shape.LayerCount, Window, WindowlessLayer),
        };
    }
}
