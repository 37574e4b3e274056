using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Gemma 3 (arXiv 2503.19786): Gemma 2's layer with the heads of q and k normed and no bounds, five layers with a window to one without, which rotate by tables of their own.
/// A checkpoint that sees images, too (<c>Gemma3ForConditionalGeneration</c>), has the decoder under <c>text_config</c> and <c>language_model.</c>; that part of it is served.
/// </summary>
/// <param name="architecture">One of the family's two names.</param>
/// <param name="isPart">Whether the decoder is a part of the model.</param>
public sealed class Gemma3ProgramBuilder(string architecture, bool isPart) : IProgramBuilder
{
    private const int Window = 4096;
    private const double Theta = 1_000_000;
    private const double LocalTheta = 10_000;

    private static readonly ConfigDefaults TextDefaults = GemmaConfig.Defaults with
    {
        Heads = 8,
        Vocabulary = 262_208,
        Positions = 131_072,
        RopeTheta = Theta,
        Implemented = [.. GemmaConfig.Defaults.Implemented, "rope_local_base_freq"],
    };

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return isPart ? DecoderPart.Read(fields, ReadDecoder) : ReadDecoder(fields);
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);

    private ModelConfig ReadDecoder(JsonFields fields)
    {
        var config = ConfigReader.Read(fields, TextDefaults, architecture);
        var (rope, local) = ReadRope(fields, config);
        return GemmaConfig.Complete(config, fields) with
        {
            QueryKeyNorm = true,
            Rope = rope,
            LocalRope = local,
            ScoreCap = GemmaConfig.Cap(fields, "attn_logit_softcapping", 0),
            LogitCap = GemmaConfig.Cap(fields, "final_logit_softcapping", 0),
            Windows = WindowPattern.Read(fields, config.Shape.LayerCount, Window, 6),
        };
    }

    /// <summary>The rotary embeddings of layers without and with a window: newer files have one part for each under <c>rope_parameters</c>.</summary>
    private static (RopeConfig Rope, RopeConfig Local) ReadRope(JsonFields fields, ModelConfig config)
    {
        return RopeConfig.ParseByLayer(fields, config.MaxPositions, Theta, LocalTheta)
            ?? (config.Rope, new RopeConfig(fields.Number("rope_local_base_freq", RopeConfig.MinTheta, RopeConfig.MaxTheta, LocalTheta), new DefaultRope()));
    }
}
