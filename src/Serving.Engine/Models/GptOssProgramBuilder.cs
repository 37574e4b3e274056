using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>
/// OpenAI's gpt-oss (arXiv 2508.10925): a mixture of experts with biases throughout, sinks in attention, a window on every second layer from the first on, and gates that are bounded. Keys that
/// a file leaves out are those of gpt-oss-120b, as the published configuration class has them.
/// </summary>
public sealed class GptOssProgramBuilder : IProgramBuilder
{
    private const string Experts = "num_local_experts";
    private const string Limit = "swiglu_limit";
    private const string Alpha = "swiglu_alpha";
    private const int Window = 128;
    private const double Slope = 1.702;
    private const double MaxLimit = 1e6;

    private static readonly ConfigDefaults Defaults = new(KvHeads: 8, HeadSize: 64, SlidingWindow: Window)
    {
        Heads = 64,
        Vocabulary = 201_088,
        Positions = 131_072,
        RopeTheta = 150_000,
        Implemented = [Experts, "num_experts_per_tok", Limit, Alpha],
    };

    /// <summary>Of a file that says nothing of it.</summary>
    private static readonly YarnRope Rope = new(32, 4096, 32, 1, (0.1 * Math.Log(32)) + 1, Truncate: false);

    /// <inheritdoc/>
    public string Architecture => "GptOssForCausalLM";

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        if (fields.Number(Alpha, 0, MaxLimit, Slope) != Slope)
        {
            throw new MalformedFileException($"{Alpha} other than {Slope} is not supported");
        }

        var config = ConfigReader.Read(fields, Defaults);
        var bias = fields.Flag("attention_bias", true);
        return config with
        {
            Rope = fields.Has("rope_scaling") || fields.Has("rope_parameters") ? config.Rope : config.Rope with { Scaling = Rope },
            Windows = fields.Has("layer_types") ? config.Windows : [.. Enumerable.Range(0, config.Shape.LayerCount).Select(layer => layer % 2 == 0 ? WindowOf(fields) : 0)],
            RmsEpsilon = ConfigReader.Epsilon(fields, 1e-5),
            QkvBias = bias,
            OutputBias = bias,
            HasSinks = true,
            Activation = GateActivation.SwigluOai,
            GateLimit = (float)fields.Number(Limit, 1e-3, MaxLimit, 7),
            Mixture = new MixtureConfig(MixtureConfig.ReadShape(fields, Experts, 4), config.Shape.IntermediateSize, true, MixtureTensors.GptOss) { HasBiases = true },
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);

    /// <summary>Null means none anywhere.</summary>
    private static int WindowOf(JsonFields fields) =>
        fields.Element.TryGetProperty("sliding_window", out _) && !fields.Has("sliding_window") ? 0 : fields.Int("sliding_window", 1, int.MaxValue, Window);
}
