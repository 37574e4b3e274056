using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>What a config says about layers that remember by the gated delta rule (arXiv 2412.06464) in the place of attending.</summary>
/// <param name="Heads">Their heads.</param>
/// <param name="Taps">Tokens that the convolution before the rule reads, a token's own the last.</param>
/// <param name="Layers">Which layers they are.</param>
public sealed record DeltaRuleConfig(DeltaRuleHeads Heads, int Taps, IReadOnlySet<int> Layers)
{
    /// <summary>The key of the layers' kinds.</summary>
    public const string LayerTypes = "layer_types";

    /// <summary>The kind of a layer with a recurrent state.</summary>
    public const string LinearAttention = "linear_attention";

    /// <summary>Which layers attend where the kinds are not said one by one: every so-manieth.</summary>
    public const string Interval = "full_attention_interval";

    private const int MaxTaps = 16;
    private const int MaxHeads = 1024;
    private const int MaxHeadSize = 1024;
    private const int MaxWidth = 1 << 16;
    private const int Alignment = 64;

    /// <summary>Whether q, k, v and the gate are one tensor in which the key heads take turns (Qwen3-Next).</summary>
    public bool FusedInputs { get; init; }

    /// <summary>Whether beta and decay are, likewise.</summary>
    public bool FusedRates { get; init; }

    /// <summary>Width of all keys side by side.</summary>
    public int KeyWidth => Heads.KeyHeads * Heads.KeySize;

    /// <summary>Width of all values.</summary>
    public int ValueWidth => Heads.ValueHeads * Heads.ValueSize;

    /// <summary>Columns that are convolved: q, k and v.</summary>
    public int MixedWidth => (2 * KeyWidth) + ValueWidth;

    /// <summary>Bytes of a layer's state that the convolution has.</summary>
    public long ConvolutionBytes => ((long)(Taps - 1) * MixedWidth * sizeof(float) + Alignment - 1) / Alignment * Alignment;

    /// <summary>Bytes of a layer's state.</summary>
    public long LayerBytes => ConvolutionBytes + ((long)Heads.ValueHeads * Heads.KeySize * Heads.ValueSize * sizeof(float));

    /// <summary>Reads what there is of a model's layers, and completes its shape.</summary>
    /// <exception cref="MalformedFileException">A key is missing, out of range or not supported.</exception>
    public static ModelConfig Apply(ModelConfig config, JsonFields fields, bool isFused)
    {
        var layers = ReadLayers(fields, config.Shape.LayerCount);
        var rule = new DeltaRuleConfig(ReadHeads(fields), fields.Int("linear_conv_kernel_dim", 2, MaxTaps, 4), layers) { FusedInputs = isFused, FusedRates = isFused };
        return config with
        {
            Recurrence = rule,
            Shape = config.Shape with { KvLayerCount = config.Shape.LayerCount - layers.Count, StateBytes = rule.LayerBytes * layers.Count },
        };
    }

    private static HashSet<int> ReadLayers(JsonFields fields, int count)
    {
        var types = fields.Texts(LayerTypes, ConfigReader.MaxLayers);
        if (types.Count > 0 && (types.Count != count || types.Any(type => type is not (LinearAttention or RopeConfig.FullAttention))))
        {
            throw fields.Wrong(LayerTypes, $"a list of {count} times {RopeConfig.FullAttention} or {LinearAttention}");
        }

        var interval = fields.Int(Interval, 1, ConfigReader.MaxLayers, 4);
        HashSet<int> layers = [.. Enumerable.Range(0, count).Where(layer => types.Count > 0 ? types[layer] == LinearAttention : (layer + 1) % interval != 0)];
        return layers.Count < count ? layers : throw new MalformedFileException("a model none of whose layers attends is not supported");
    }

    private static DeltaRuleHeads ReadHeads(JsonFields fields)
    {
        var heads = new DeltaRuleHeads(
            fields.Int("linear_num_key_heads", 1, MaxHeads, 16), fields.Int("linear_num_value_heads", 1, MaxHeads, 32),
            fields.Int("linear_key_head_dim", 1, MaxHeadSize, 128), fields.Int("linear_value_head_dim", 1, MaxHeadSize, 128));
        if (heads.ValueHeads % heads.KeyHeads != 0)
        {
            throw fields.Wrong("linear_num_value_heads", "a multiple of linear_num_key_heads");
        }

        if (heads.KeySize % 16 != 0 || heads.ValueSize % 16 != 0)
        {
            throw fields.Wrong(heads.KeySize % 16 != 0 ? "linear_key_head_dim" : "linear_value_head_dim", "a multiple of 16");
        }

        return heads.KeyHeads * heads.KeySize <= MaxWidth && heads.ValueHeads * heads.ValueSize <= MaxWidth
            ? heads : throw fields.Wrong("linear_value_head_dim", $"at most {MaxWidth} over all heads, as linear_key_head_dim");
    }
}
