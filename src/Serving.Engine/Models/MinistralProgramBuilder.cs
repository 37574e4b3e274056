using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Ministral 3, and the decoder of Mistral Small 3.1 and 3.2: Mistral's layer, in Ministral 3 with YaRN. Beyond the length that YaRN stretches from, queries grow with the position there
/// (<c>llama_4_scaling_beta</c>), which is not done: such a model is served up to that length.
/// </summary>
/// <param name="architecture">The class name.</param>
/// <param name="isPart">Whether the decoder is a part of a model that sees images, too.</param>
public sealed class MinistralProgramBuilder(string architecture, bool isPart) : IProgramBuilder
{
    /// <summary>By how much queries grow, where the rotary embedding is described.</summary>
    public const string Temperature = "llama_4_scaling_beta";

    private const double MostTemperature = 1e3;

    // Of the two decoders that such a model may have.
    private const string Older = "mistral";
    private const string Newer = "ministral3";

    private static readonly ConfigDefaults Defaults = new(KvHeads: 8);

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return isPart ? DecoderPart.Read(fields, ReadPart) : ReadDecoder(fields, Defaults);
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);

    private ModelConfig ReadPart(JsonFields fields) => fields.Text("model_type") switch
    {
        Older => ReadDecoder(fields, Defaults with { SlidingWindow = 4096 }),
        Newer => ReadDecoder(fields, Defaults),
        var other => throw new MalformedFileException($"a decoder of type {MalformedFileException.Quote(other)} is not supported ({Older} and {Newer} are)"),
    };

    private ModelConfig ReadDecoder(JsonFields fields, ConfigDefaults defaults)
    {
        var config = ConfigReader.Read(fields, defaults, architecture);
        var rope = fields.Object("rope_parameters") ?? fields.Object("rope_scaling");
        if (rope is null || rope.Number(Temperature, 0, MostTemperature, 0) == 0)
        {
            return config;
        }

        return config.Rope.Scaling is YarnRope yarn
            ? config with { MaxPositions = Math.Min(config.MaxPositions, yarn.OriginalPositions) }
            : throw rope.Wrong(Temperature, "0 where the rotary embedding is not stretched by YaRN");
    }
}
