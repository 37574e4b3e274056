namespace Serving.Engine.Models;

/// <summary>The rotary embedding of a config: <c>rope_theta</c> and <c>rope_scaling</c>, or both under <c>rope_parameters</c>.</summary>
/// <param name="Theta">Base of the frequencies.</param>
/// <param name="Scaling">How they are stretched.</param>
public sealed record RopeConfig(double Theta, RopeScaling Scaling)
{
    /// <summary>The part of <c>rope_parameters</c> for layers without a window.</summary>
    public const string FullAttention = "full_attention";

    /// <summary>The part for layers with one.</summary>
    public const string SlidingAttention = "sliding_attention";

    /// <summary>Least base of frequencies.</summary>
    public const double MinTheta = 1.001;

    /// <summary>A factor of the base, to a power of a head's size (Hunyuan).</summary>
    public const string Alpha = "alpha";

    /// <summary>Largest base of frequencies.</summary>
    public const double MaxTheta = 1e12;

    private const double MaxFactor = 1024;
    private const int MaxPairs = 512;
    private const string OriginalLength = "original_max_position_embeddings";

    /// <summary>Reads the rotary settings of a config, refusing kinds that are not implemented by name.</summary>
    /// <param name="config">The config.</param>
    /// <param name="maxPositions">Its longest sequence.</param>
    /// <param name="defaultTheta">The base that it leaves out.</param>
    /// <param name="alphaSize">Elements of a head, in families whose base may have a factor <see cref="Alpha"/>; null in others.</param>
    public static RopeConfig Parse(JsonFields config, int maxPositions, double defaultTheta = 10_000, int? alphaSize = null)
    {
        var scaling = config.Object("rope_parameters") ?? config.Object("rope_scaling");
        int? original = config.Has(OriginalLength) ? OriginalPositions(config) : null;
        var theta = Positive(config, "rope_theta", defaultTheta);
        return alphaSize is { } size && scaling?.Has(Alpha) == true ? ParseAlpha(scaling, theta, size) : Parse(scaling, theta, maxPositions, original);
    }

    /// <summary>Reads <c>rope_scaling</c>, or one part of <c>rope_parameters</c>; null is no scaling at all.</summary>
    public static RopeConfig Parse(JsonFields? scaling, double theta, int maxPositions, int? originalPositions = null)
    {
        if (scaling is null)
        {
            return new RopeConfig(theta, new DefaultRope());
        }

        theta = Positive(scaling, "rope_theta", theta);
        var kind = scaling.Text("rope_type") ?? scaling.Text("type") ?? "default";
        return new RopeConfig(theta, kind switch
        {
            "default" => new DefaultRope(),
            "linear" => new LinearRope(Factor(scaling)),
            "llama3" => ParseLlama3(scaling),
            "yarn" => ParseYarn(scaling, maxPositions),
            "dynamic" => ParseDynamic(scaling),
            "longrope" or "su" => ParseLongRope(scaling, maxPositions, originalPositions),
            _ => throw new MalformedFileException($"rope type {MalformedFileException.Quote(kind)} is not supported (default, linear, dynamic, llama3, yarn and longrope are)"),
        });
    }

    /// <summary>The parts of <c>rope_parameters</c> for layers without and with a window, as newer files have them; null where there are none.</summary>
    public static (RopeConfig Rope, RopeConfig Local)? ParseByLayer(JsonFields fields, int maxPositions, double theta, double localTheta)
    {
        return fields.Object("rope_parameters") is { } parts && (parts.Has(FullAttention) || parts.Has(SlidingAttention))
            ? (Parse(parts.Object(FullAttention), theta, maxPositions), Parse(parts.Object(SlidingAttention), localTheta, maxPositions))
            : null;
    }

    /// <summary>A base that is stretched once for all lengths, as it grows by itself elsewhere: base · alpha^(size ÷ (size − 2)).</summary>
    private static RopeConfig ParseAlpha(JsonFields scaling, double theta, int size)
    {
        var kind = scaling.Text("rope_type") ?? scaling.Text("type");
        if (kind != "dynamic" || size < 4 || scaling.Number("factor", 1, MaxFactor, 1) != 1)
        {
            throw scaling.Wrong(Alpha, "of rope type dynamic with a factor of 1");
        }

        var stretched = Positive(scaling, "rope_theta", theta) * Math.Pow(scaling.Number(Alpha, 1, 1e6), size / (size - 2.0));
        return stretched <= MaxTheta ? new RopeConfig(stretched, new DefaultRope()) : throw scaling.Wrong(Alpha, "small enough for its base");
    }

    // The base grows with what a sequence has beyond the length that the model was made for; sequences are served up to that length.
    private static DefaultRope ParseDynamic(JsonFields scaling)
    {
        foreach (var key in new[] { "alpha", OriginalLength })
        {
            if (scaling.Has(key))
            {
                throw new MalformedFileException($"{key} of rope type dynamic is not supported");
            }
        }

        _ = Factor(scaling);
        return new DefaultRope();
    }

    private static Llama3Rope ParseLlama3(JsonFields scaling)
    {
        var low = scaling.Number("low_freq_factor", 1e-3, MaxFactor);
        var high = scaling.Number("high_freq_factor", 1e-3, MaxFactor);
        if (high <= low)
        {
            throw scaling.Wrong("high_freq_factor", "above low_freq_factor");
        }

        return new Llama3Rope(Factor(scaling), low, high, scaling.Int("original_max_position_embeddings", 1, ModelConfig.MaxPositionsLimit));
    }

    private static YarnRope ParseYarn(JsonFields scaling, int maxPositions)
    {
        var factor = Factor(scaling);
        var mscale = scaling.Number("mscale", 0, MaxFactor, 0);
        var mscaleAll = scaling.Number("mscale_all_dim", 0, MaxFactor, 0);
        var amplitude = mscale != 0 && mscaleAll != 0
            ? YarnAmplitude(factor, mscale) / YarnAmplitude(factor, mscaleAll)
            : YarnAmplitude(factor, 1);
        var fast = scaling.Number("beta_fast", 1e-3, 1e6, 32);
        var slow = scaling.Number("beta_slow", 1e-3, 1e6, 1);
        if (fast < slow)
        {
            throw scaling.Wrong("beta_fast", "at least beta_slow");
        }

        return new YarnRope(
            factor,
            scaling.Int("original_max_position_embeddings", 1, ModelConfig.MaxPositionsLimit, maxPositions),
            fast,
            slow,
            scaling.Number("attention_factor", 1e-3, MaxFactor, amplitude),
            scaling.Flag("truncate", true));
    }

    // The original length stands beside the scaling in the models' own files, and in it in newer ones.
    private static LongRope ParseLongRope(JsonFields scaling, int maxPositions, int? outside)
    {
        var original = scaling.Has(OriginalLength) || outside is null ? OriginalPositions(scaling) : outside.Value;
        var factor = (double)maxPositions / original;
        return new LongRope(
            Factors("short_factor"),
            Factors("long_factor"),
            original,
            scaling.Number("attention_factor", 1e-3, MaxFactor, factor <= 1 ? 1 : Math.Sqrt(1 + (Math.Log(factor) / Math.Log(original)))));

        IReadOnlyList<double> Factors(string name)
        {
            var factors = scaling.Numbers(name, 1e-3, 1e6, MaxPairs);
            return factors.Count > 0 ? factors : throw scaling.Wrong(name, "a list of numbers");
        }
    }

    private static int OriginalPositions(JsonFields fields) => fields.Int(OriginalLength, 2, ModelConfig.MaxPositionsLimit);

    private static double YarnAmplitude(double factor, double mscale) => factor <= 1 ? 1 : (0.1 * mscale * Math.Log(factor)) + 1;

    private static double Factor(JsonFields scaling) => scaling.Number("factor", 1, MaxFactor);

    private static double Positive(JsonFields fields, string name, double otherwise) => fields.Number(name, MinTheta, MaxTheta, otherwise);
}
