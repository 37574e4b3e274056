using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Qwen3 (dense): RMSNorm on every head of q and k before rotation; heads of 128 unless the config says otherwise. Of Qwen3-VL the decoder, which rotates by three positions of a token (<c>mrope_section</c>): those of
/// text are one, so that it is the rotation of Qwen3.
/// </summary>
/// <param name="architecture">The class name.</param>
/// <param name="isPart">Whether the decoder is a part of a model that sees images, too.</param>
public sealed class Qwen3ProgramBuilder(string architecture, bool isPart) : IProgramBuilder
{
    private readonly ConfigDefaults _defaults = new(KvHeads: 32, HeadSize: 128, UsesSlidingWindow: false) { WindowlessLayers = 28, Implemented = isPart ? [RefusedKeys.Sections] : [] };

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
        var attentionBias = fields.Flag("attention_bias", false);
        return ConfigReader.Read(fields, _defaults, architecture) with
        {
            QueryKeyNorm = true,
            QkvBias = attentionBias,
            OutputBias = attentionBias,
        };
    }
}
