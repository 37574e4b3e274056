using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// Command R and Aya (<c>CohereForCausalLM</c>), Command R7B and A (<c>Cohere2ForCausalLM</c>): one LayerNorm without a bias before attention and MLP, both added to the residual stream, heads rotated in
/// pairs of neighbours, logits with a factor. Command R+ norms every head of q and k, too. Those of the second kind have a window on three layers of four, and the fourth does not rotate.
/// </summary>
/// <param name="architecture">The class name.</param>
/// <param name="hasWindows">Whether it is the second kind.</param>
public sealed class CohereProgramBuilder(string architecture, bool hasWindows) : IProgramBuilder
{
    private const int Window = 4096;
    private const int WindowlessLayer = 4;
    private const string LogitScale = "logit_scale";
    private const string HeadNorm = "use_qk_norm";
    private const string Embedding = "position_embedding_type";
    private const string ModelLength = "model_max_length";

    private readonly ConfigDefaults _defaults = new(UsesSlidingWindow: false)
    {
        Tied = true,
        Positions = 8192,
        Implemented = hasWindows ? [LogitScale, Embedding] : [LogitScale, HeadNorm],
    };

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var bias = fields.Flag("attention_bias", false);
        var config = CentredNorms.Apply(ConfigReader.Read(fields, _defaults), fields, "layer_norm_eps", hasBias: false) with
        {
            QkvBias = bias,
            OutputBias = bias,
            Norms = LayerNorms.Shared,
            RotatesNeighbours = true,
            LogitScale = (float)fields.Number(LogitScale, 1e-6, 1e6, 0.0625),
            HeadNorms = !hasWindows && fields.Flag(HeadNorm, false) ? HeadNorms.Together : HeadNorms.None,
        };
        return hasWindows ? WithWindows(fields, config) : WithoutWindows(fields, config);
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);

    /// <summary>Command R's file names the length that memory was set aside for in training, and beside it the one that the model was made for.</summary>
    private static ModelConfig WithoutWindows(JsonFields fields, ModelConfig config) =>
        config with { MaxPositions = Math.Max(config.MaxPositions, fields.Int(ModelLength, 1, ModelConfig.MaxPositionsLimit, config.MaxPositions)) };

    private static ModelConfig WithWindows(JsonFields fields, ModelConfig config)
    {
        if (fields.Text(Embedding, "rope_gptj") != "rope_gptj")
        {
            throw new MalformedFileException($"{Embedding} is not supported but as rope_gptj");
        }

        foreach (var key in new[] { "use_gated_activation", "use_parallel_block", "use_embedding_sharing" })
        {
            if (!fields.Flag(key, true))
            {
                throw new MalformedFileException($"{key} that is false is not supported");
            }
        }

        var windows = WindowPattern.Read(fields, config.Shape.LayerCount, Window, WindowlessLayer);
        return config with
        {
            Windows = windows,
            UnrotatedLayers = windows.Index().Where(layer => layer.Item == 0).Select(layer => layer.Index).ToHashSet(),
        };
    }
}
