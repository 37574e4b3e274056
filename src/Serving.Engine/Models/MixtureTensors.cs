using System.Globalization;
using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>What a checkpoint calls the matrices of a layer's experts, behind the layer's own name.</summary>
/// <param name="Router">The matrix that chooses.</param>
/// <param name="GateUp">Gate and up of an expert as two tensors, {0} its number; or one tensor of all experts, an expert's gate before its up.</param>
/// <param name="Down">Its down, likewise.</param>
public sealed record MixtureTensors(string Router, IReadOnlyList<string> GateUp, string Down)
{
    /// <summary>Qwen's names.</summary>
    public static MixtureTensors Qwen { get; } = new("mlp.gate", ["mlp.experts.{0}.gate_proj", "mlp.experts.{0}.up_proj"], "mlp.experts.{0}.down_proj");

    /// <summary>Mixtral's.</summary>
    public static MixtureTensors Mixtral { get; } =
        new("block_sparse_moe.gate", ["block_sparse_moe.experts.{0}.w1", "block_sparse_moe.experts.{0}.w3"], "block_sparse_moe.experts.{0}.w2");

    /// <summary>Granite's.</summary>
    public static MixtureTensors Granite { get; } = new("block_sparse_moe.router.layer", ["block_sparse_moe.input_linear"], "block_sparse_moe.output_linear");

    /// <summary>The tensors that gate and up of all experts are stacked from, each expert's side by side.</summary>
    public IEnumerable<WeightPart> GateUpParts(string layer, int experts, int width) => Parts(layer, GateUp, experts, 2 * width);

    /// <summary>The tensors that down of all experts is stacked from.</summary>
    public IEnumerable<WeightPart> DownParts(string layer, int experts, int hidden) => Parts(layer, [Down], experts, hidden);

    private static IEnumerable<WeightPart> Parts(string layer, IReadOnlyList<string> names, int experts, int rows) => names is [var all] && !all.Contains("{0}", StringComparison.Ordinal)
        ? [new WeightPart($"{layer}{all}.weight", 0, experts * rows)]
        : from expert in Enumerable.Range(0, experts)
          from name in names
          select new WeightPart($"{layer}{string.Format(CultureInfo.InvariantCulture, name, expert)}.weight", 0, rows / names.Count);
}
