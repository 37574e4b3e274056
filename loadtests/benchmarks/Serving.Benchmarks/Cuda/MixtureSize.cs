using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Benchmarks.Cuda;

/// <summary>A layer of experts, and the steps that it is measured in.</summary>
/// <param name="Hidden">Width of the residual stream.</param>
/// <param name="Experts">Experts of a layer.</param>
/// <param name="Choices">Experts that a row goes through.</param>
/// <param name="Width">Columns of an expert's gate, and of its up.</param>
/// <param name="DecodeRows">Rows of a step that decodes.</param>
/// <param name="PrefillRows">Rows of a step of a prompt.</param>
/// <param name="Layers">Layers at most, each with experts of its own.</param>
internal sealed record MixtureSize(int Hidden, int Experts, int Choices, int Width, int DecodeRows, int PrefillRows, int Layers)
{
    /// <summary>Qwen3-30B-A3B. Layers of 1.2 GB each: as many as keep the step's own launches out of the figure.</summary>
    public static MixtureSize Qwen3 { get; } = new(2048, 128, 8, 768, 32, 2048, 8);

    /// <summary>Enough to show that it runs.</summary>
    public static MixtureSize Tiny { get; } = new(64, 6, 2, 40, 6, 40, 2);

    /// <summary>How the experts' matrices are kept.</summary>
    public WeightFormat Format { get; init; }

    /// <summary>Bytes of one expert's matrices.</summary>
    public long ExpertBytes => Program().Weights.Where(weight => weight.Experts > 1).Sum(DeviceWeights.BytesOf) / Layers / Experts;

    /// <summary>Products and sums that a row takes in a layer, without the router.</summary>
    public double OperationsPerRow => 2.0 * Choices * 3 * Hidden * Width;

    /// <summary>The experts of a token, drawn by its id: all equally likely.</summary>
    public int[] ExpertsOf(int token)
    {
        int[] experts = [.. Enumerable.Range(0, Experts)];
        new Random(token).Shuffle(experts);
        return experts[..Choices];
    }

    /// <summary>Experts that are chosen by at least one of the first tokens.</summary>
    public int ChosenBy(int tokens) => Enumerable.Range(0, tokens).SelectMany(ExpertsOf).Distinct().Count();

    /// <summary>
    /// The layers' experts and nothing else: what routes is looked up by token instead of being computed, so that it is known which experts a step reads.
    /// </summary>
    public ModelProgram Program()
    {
        ProgramBuffer[] buffers =
        [
            new("residual", Hidden, BufferElement.Float32, BufferRows.Step),
            new("normed", Hidden, BufferElement.BFloat16, BufferRows.Step),
            new("routed", Experts, BufferElement.Float32, BufferRows.Step),
            new("dispatched", Hidden, BufferElement.BFloat16, BufferRows.Choice),
            new("gate_up", 2 * Width, BufferElement.BFloat16, BufferRows.Choice),
            new("activated", Width, BufferElement.BFloat16, BufferRows.Choice),
            new("down", Hidden, BufferElement.Float32, BufferRows.Choice),
        ];
        List<WeightSpec> weights =
        [
            new(0, "embedding", PrefillRows, Hidden, WeightKind.Embedding, []),
            new(RoutesWeight, "routes", PrefillRows, Experts, WeightKind.Embedding, []),
            new(2, "norm", 1, Hidden, WeightKind.Vector, []),
        ];
        List<ProgramOp> ops = [new EmbedOp(0, 0), new EmbedOp(2, RoutesWeight), new RmsNormOp(0, 1, 2, 1e-5f)];
        for (var layer = 0; layer < Layers; layer++)
        {
            var (gateUp, down) = (weights.Count, weights.Count + 1);
            weights.Add(new WeightSpec(gateUp, $"gate_up {layer}", Experts * 2 * Width, Hidden, WeightKind.Matrix, []) { Experts = Experts, Format = Format });
            weights.Add(new WeightSpec(down, $"down {layer}", Experts * Hidden, Width, WeightKind.Matrix, []) { Experts = Experts, Format = Format });
            ops.AddRange([new RouteOp(2, Renormalize: true), new DispatchOp(1, 3), new LinearOp(3, 4, gateUp, null, LinearOutput.Round, []), new GateMulOp(4, 5)]);
            ops.AddRange([new LinearOp(5, 6, down, null, LinearOutput.Keep, []), new CombineOp(6, 0)]);
        }

        var shape = new ModelShape(Hidden, Width, 1, 1, 1, 64, PrefillRows);
        return new ModelProgram("mixture", shape, RopeTable.Create(1, new double[32]), buffers, weights, [], ops) { Mixture = new MixtureShape(Experts, Choices) };
    }

    /// <summary>The weight of <see cref="Program"/> that routes.</summary>
    public const int RoutesWeight = 1;
}
