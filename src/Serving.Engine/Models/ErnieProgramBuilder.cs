using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>ERNIE 4.5, dense: a Llama whose heads are rotated in pairs of neighbours; <c>use_bias</c> covers all projections.</summary>
/// <param name="architecture">The class name, in transformers' spelling or that of the model's own code.</param>
public sealed class ErnieProgramBuilder(string architecture) : IProgramBuilder
{
    private static readonly ConfigDefaults Defaults = new(KvHeads: 2, HeadSize: 128, UsesSlidingWindow: false) { Tied = true, RopeTheta = 500_000 };

    /// <inheritdoc/>
    public string Architecture => architecture;

    /// <inheritdoc/>
    public ModelConfig ReadConfig(JsonFields fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        var bias = fields.Flag("use_bias", false);
        return ConfigReader.Read(fields, Defaults) with
        {
            RmsEpsilon = ConfigReader.Epsilon(fields, 1e-5),
            QkvBias = bias,
            OutputBias = bias,
            MlpBias = bias,
            RotatesNeighbours = true,
        };
    }

    /// <inheritdoc/>
    public ModelProgram Build(string name, ModelConfig config, int positions) => DecoderProgram.Build(name, config, positions);
}
