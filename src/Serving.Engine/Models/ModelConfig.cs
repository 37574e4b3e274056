using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>What <c>config.json</c> says about a model, after its family's defaults.</summary>
public sealed record ModelConfig
{
    /// <summary>Most positions of any model read; bounds the rotary table.</summary>
    public const int MaxPositionsLimit = 1 << 20;

    /// <summary>The class name that a family is known by, as <c>LlamaForCausalLM</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>The model's sizes.</summary>
    public required ModelShape Shape { get; init; }

    /// <summary>Positions that the model may be run for: <c>max_position_embeddings</c>, or what YaRN stretches it to.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Added to the mean square of every RMSNorm, and to the variance of every LayerNorm.</summary>
    public required float RmsEpsilon { get; init; }

    /// <summary>Rotary embedding.</summary>
    public required RopeConfig Rope { get; init; }

    /// <summary>Whether the logits are made with the embedding table.</summary>
    public required bool TiedEmbeddings { get; init; }

    /// <summary>Whether q, k and v have biases.</summary>
    public bool QkvBias { get; init; }

    /// <summary>Whether o has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether gate, up and down have biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Whether the heads of q and k are normed before they are rotated.</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>What the norms of q and k heads are called.</summary>
    public (string Query, string Key) HeadNormNames { get; init; } = ("q_norm", "k_norm");

    /// <summary>Whether these norms stand behind the rotation (Hunyuan).</summary>
    public bool NormsTurned { get; init; }

    /// <summary>Whether all heads of q are normed as one, and all of k (OLMo).</summary>
    public bool NormsHeadsTogether { get; init; }

    /// <summary>Whether norms subtract the mean: LayerNorm.</summary>
    public bool CentresNorms { get; init; }

    /// <summary>Whether norms of the residual stream have biases, which LayerNorms alone have.</summary>
    public bool NormBias { get; init; }

    /// <summary>LayerNorms of every head of q and k by a weight of its own.</summary>
    public HeadNorms HeadNorms { get; init; }

    /// <summary>What an MLP without a gate goes through.</summary>
    public MlpActivation UngatedActivation { get; init; }

    /// <summary>What gates go through.</summary>
    public GateActivation Activation { get; init; }

    /// <summary>The bound of what gates go through, where that has one.</summary>
    public float GateLimit { get; init; } = float.PositiveInfinity;

    /// <summary>Whether every query head has a sink.</summary>
    public bool HasSinks { get; init; }

    /// <summary>Factor of the embeddings.</summary>
    public float EmbeddingScale { get; init; } = 1;

    /// <summary>What the checkpoint's norms leave out of their weights: 1 for Gemma.</summary>
    public float NormOffset { get; init; }

    /// <summary>Where a layer has norms, and what they are called.</summary>
    public LayerNorms Norms { get; init; } = LayerNorms.Before;

    /// <summary>What the MLP of a layer is called.</summary>
    public MlpNames Mlp { get; init; } = MlpNames.Usual;

    /// <summary>What the checkpoint calls the projection behind attention.</summary>
    public string OutputName { get; init; } = "o_proj";

    /// <summary>Whether the logits have a bias.</summary>
    public bool HeadBias { get; init; }

    /// <summary>Factor of attention's scores; null for 1 ÷ √head size.</summary>
    public float? AttentionScale { get; init; }

    /// <summary>Bound of attention's scores, cap · tanh(score ÷ cap); 0 for none.</summary>
    public float ScoreCap { get; init; }

    /// <summary>Bound of the logits; 0 for none.</summary>
    public float LogitCap { get; init; }

    /// <summary>By layer, how many ordinals a token attends to, itself the last; 0 for all. Empty where no layer has a window.</summary>
    public IReadOnlyList<int> Windows { get; init; } = [];

    /// <summary>Rotary embedding of layers with a window, where it is not that of the others.</summary>
    public RopeConfig? LocalRope { get; init; }

    /// <summary>What stands before the decoder's tensor names in the checkpoint: empty, or <c>language_model.</c> where the decoder is a part of the model.</summary>
    public string TensorPrefix { get; init; } = string.Empty;

    /// <summary>Factor of what attention and MLP add to the residual stream, which is kept divided by it; embeddings and epsilon here are those of the stream as it is kept.</summary>
    public float ResidualScale { get; init; } = 1;

    /// <summary>Factor of the logits.</summary>
    public float LogitScale { get; init; } = 1;

    /// <summary>Layers that do not rotate q and k.</summary>
    public IReadOnlySet<int> UnrotatedLayers { get; init; } = new HashSet<int>();

    /// <summary>Whether q, k and v are one tensor of the checkpoint.</summary>
    public bool FusedQkv { get; init; }

    /// <summary>Whether gate and up are one tensor of the checkpoint.</summary>
    public bool FusedGateUp { get; init; }

    /// <summary>Elements of a q or k head that are rotated, from the first on; null for all.</summary>
    public int? RotatedSize { get; init; }

    /// <summary>Whether the elements that are rotated together lie side by side in the checkpoint, 2i with 2i + 1, and not half a head apart (GLM, ERNIE).</summary>
    public bool RotatesNeighbours { get; init; }

    /// <summary>Layers that have a recurrent state in the place of attention; null where every layer attends.</summary>
    public DeltaRuleConfig? Recurrence { get; init; }

    /// <summary>Whether q's projection has a gate beside each head, whose logistic function multiplies what attention gives back.</summary>
    public bool GatesAttention { get; init; }

    /// <summary>The experts of layers whose MLP is a mixture; null where no layer's is.</summary>
    public MixtureConfig? Mixture { get; init; }

    /// <summary>Tokens that end a sequence, as far as this file says; <see cref="GenerationConfig"/> may name more.</summary>
    public IReadOnlyList<int> EosIds { get; init; } = [];

    /// <summary>Reads the text of a <c>config.json</c>.</summary>
    /// <exception cref="ModelFormatException">Malformed, of an unknown architecture, or asking for arithmetic that is not implemented.</exception>
    public static ModelConfig Parse(ReadOnlyMemory<byte> text)
    {
        try
        {
            var fields = JsonFields.Parse(text);
            return ModelRegistry.For(fields).ReadConfig(fields);
        }
        catch (MalformedFileException e)
        {
            throw new ModelFormatException($"config.json: {e.Message}", e);
        }
    }
}
