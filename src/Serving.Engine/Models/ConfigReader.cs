using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>Reads what all decoder families have in common in <c>config.json</c>. Sizes are bounded so that no product of them overflows later.</summary>
public static class ConfigReader
{
    /// <summary>Most layers.</summary>
    public const int MaxLayers = 1024;

    /// <summary>Most tokens that end a sequence.</summary>
    public const int MaxEosIds = 256;

    /// <summary>Widest MLP.</summary>
    public const int MaxIntermediate = 1 << 20;

    /// <summary>Most outputs of a projection: those of an MLP's gate, of up and gate together twice as many.</summary>
    public const int MaxOutputs = 2 * MaxIntermediate;

    private const int MaxWidth = 1 << 16;
    private const int MaxHeads = 1024;
    private const int MaxHeadSize = 1024;
    private const int MaxVocabulary = 1 << 22;

    /// <summary>Reads a config, refusing by name every key that changes arithmetic in a way that is not implemented.</summary>
    /// <param name="fields">The file, or the part of it that describes the decoder.</param>
    /// <param name="defaults">What the family takes for keys that are not there.</param>
    /// <param name="architecture">The family's name where <paramref name="fields"/> do not say it.</param>
    public static ModelConfig Read(JsonFields fields, ConfigDefaults defaults, string? architecture = null)
    {
        RefusedKeys.Check(fields, defaults);
        var shape = ReadShape(fields, defaults);
        var declared = fields.Int("max_position_embeddings", 1, ModelConfig.MaxPositionsLimit, defaults.Positions);
        var rope = RopeConfig.Parse(fields, declared, defaults.RopeTheta, defaults.Implemented.Contains(RopeConfig.Alpha) ? shape.HeadSize : null);
        if (rope.Scaling is LongRope && !defaults.Implemented.Contains("longrope"))
        {
            throw new MalformedFileException("rope type longrope is not supported in this family");
        }

        var positions = rope.Scaling is YarnRope yarn ? Math.Max(declared, Stretched(yarn)) : declared;
        return new ModelConfig
        {
            Architecture = architecture ?? ModelRegistry.ArchitectureOf(fields),
            Shape = shape,
            MaxPositions = positions,
            Windows = Windows(fields, defaults, shape.LayerCount),
            RmsEpsilon = Epsilon(fields, 1e-6),
            Rope = rope,
            TiedEmbeddings = fields.Flag("tie_word_embeddings", defaults.Tied),
            EosIds = fields.Ints("eos_token_id", 0, shape.VocabularySize - 1, MaxEosIds),
        };
    }

    /// <summary>What is added to the mean square of norms.</summary>
    public static float Epsilon(JsonFields fields, double otherwise)
    {
        ArgumentNullException.ThrowIfNull(fields);
        return (float)fields.Number("rms_norm_eps", 1e-12, 1e-2, otherwise);
    }

    private static ModelShape ReadShape(JsonFields fields, ConfigDefaults defaults)
    {
        var hidden = fields.Int("hidden_size", 1, MaxWidth);
        var heads = fields.Int("num_attention_heads", 1, MaxHeads, defaults.Heads);
        var kvHeads = fields.Int("num_key_value_heads", 1, heads, defaults.KvHeads ?? heads);
        if (heads % kvHeads != 0)
        {
            throw fields.Wrong("num_key_value_heads", "a divisor of num_attention_heads");
        }

        var headSize = fields.Int("head_dim", 2, MaxHeadSize, defaults.HeadSize ?? Derived(fields, hidden, heads));
        if (headSize % 2 != 0)
        {
            throw fields.Wrong("head_dim", "even");
        }

        if (heads * headSize > MaxWidth)
        {
            throw fields.Wrong("head_dim", $"at most {MaxWidth} over all heads");
        }

        return new ModelShape(
            hidden,
            fields.Int("intermediate_size", 1, MaxIntermediate, defaults.Intermediate),
            fields.Int("num_hidden_layers", 1, MaxLayers),
            heads,
            kvHeads,
            headSize,
            fields.Int("vocab_size", 1, MaxVocabulary, defaults.Vocabulary));
    }

    private static int? Derived(JsonFields fields, int hidden, int heads)
    {
        if (fields.Has("head_dim"))
        {
            return null;
        }

        return hidden % heads == 0 && hidden / heads is >= 2 and <= MaxHeadSize
            ? hidden / heads
            : throw fields.Wrong("hidden_size", "a multiple of num_attention_heads, and head_dim is missing");
    }

    /// <summary>By layer, its window or 0: by <c>layer_types</c>, else of all layers but the first <c>max_window_layers</c>. Empty where no layer has one.</summary>
    private static IReadOnlyList<int> Windows(JsonFields fields, ConfigDefaults defaults, int layers)
    {
        if (SlidingWindow(fields, defaults) is not { } window)
        {
            return [];
        }

        var types = fields.Texts("layer_types", MaxLayers);
        if (types.Count == 0)
        {
            var first = fields.Int("max_window_layers", 0, MaxLayers, defaults.WindowlessLayers);
            return first >= layers ? [] : [.. Enumerable.Range(0, layers).Select(layer => layer < first ? 0 : window)];
        }

        return types.Count == layers ? [.. types.Select(type => type == "full_attention" ? 0 : window)] : throw fields.Wrong("layer_types", $"a list of {layers} types");
    }

    /// <summary>The window of layers that have one, or null.</summary>
    private static int? SlidingWindow(JsonFields fields, ConfigDefaults defaults)
    {
        if (defaults.Implemented.Contains("layer_types") || (fields.Has("layer_types") && !SlidesByLayer(fields)))
        {
            return null;
        }

        var present = fields.Element.TryGetProperty("sliding_window", out _);
        var applies = fields.Flag("use_sliding_window", defaults.UsesSlidingWindow) || fields.Has("layer_types");
        if (!applies || (present && !fields.Has("sliding_window")) || (!present && defaults.SlidingWindow is null))
        {
            return null;
        }

        return fields.Int("sliding_window", 1, int.MaxValue, defaults.SlidingWindow);
    }

    private static bool SlidesByLayer(JsonFields fields)
    {
        var types = fields.Texts("layer_types", MaxLayers);
        var unknown = types.FirstOrDefault(type => type is not ("full_attention" or "sliding_attention"));
        return unknown is null
            ? types.Contains("sliding_attention")
            : throw new MalformedFileException($"layer type {MalformedFileException.Quote(unknown)} is not supported");
    }

    private static int Stretched(YarnRope yarn) => (int)Math.Min(ModelConfig.MaxPositionsLimit, yarn.OriginalPositions * yarn.Factor);
}
