using System.Globalization;
using Serving.Compute.Programs;

namespace Serving.Engine.Models;

/// <summary>What a checkpoint calls the matrices of a layer's experts, and their biases, behind the layer's own name.</summary>
/// <param name="Router">The matrix that chooses.</param>
/// <param name="GateUp">Gate and up of an expert as two tensors, {0} its number; or one tensor of all experts, an expert's gate before its up.</param>
/// <param name="Down">Its down, likewise.</param>
public sealed record MixtureTensors(string Router, IReadOnlyList<string> GateUp, string Down)
{
    private const string Weight = ".weight";
    private const string Bias = ".bias";

    /// <summary>Qwen's names.</summary>
    public static MixtureTensors Qwen { get; } = new("mlp.gate", ["mlp.experts.{0}.gate_proj", "mlp.experts.{0}.up_proj"], "mlp.experts.{0}.down_proj");

    /// <summary>Mixtral's.</summary>
    public static MixtureTensors Mixtral { get; } =
        new("block_sparse_moe.gate", ["block_sparse_moe.experts.{0}.w1", "block_sparse_moe.experts.{0}.w3"], "block_sparse_moe.experts.{0}.w2");

    /// <summary>Granite's.</summary>
    public static MixtureTensors Granite { get; } = new("block_sparse_moe.router.layer", ["block_sparse_moe.input_linear"], "block_sparse_moe.output_linear");

    /// <summary>Granite's where every expert has tensors of its own, as GGUF files are read.</summary>
    public static MixtureTensors GraniteByExpert { get; } = Qwen with { Router = Granite.Router };

    /// <summary>gpt-oss's: parameters without modules of their own, matrices input by input, the outputs of gate and up in turns.</summary>
    public static MixtureTensors GptOss { get; } = new("mlp.router", ["mlp.experts.gate_up_proj"], "mlp.experts.down_proj") { AreParameters = true, TakesTurns = true, AreAdapted = false };

    /// <summary>gpt-oss's where every expert has tensors of its own, as GGUF files are read.</summary>
    public static MixtureTensors GptOssByExpert { get; } = Qwen with { Router = GptOss.Router, AreAdapted = false };

    /// <summary>Whether the experts' tensors are parameters of the layer, without a module each: x and x_bias, and matrices of plain floats input by input.</summary>
    public bool AreParameters { get; private init; }

    /// <summary>
    /// Whether adapters of the experts are read. Those of gpt-oss are not: they change parameters whose gate and up take turns, however the checkpoint at hand keeps them, and would be taken for halves.
    /// </summary>
    public bool AreAdapted { get; private init; } = true;

    /// <summary>Whether gate and up, in one tensor, take turns output by output.</summary>
    public bool TakesTurns { get; private init; }

    /// <summary>The tensors that gate and up of all experts are stacked from, each expert's side by side.</summary>
    public IEnumerable<WeightPart> GateUpParts(string layer, int experts, int width) => Parts(layer, GateUp, Weight, experts, 2 * width, TakesTurns);

    /// <summary>The same of their biases.</summary>
    public IEnumerable<WeightPart> GateUpBiasParts(string layer, int experts, int width) => Parts(layer, GateUp, Bias, experts, 2 * width, TakesTurns);

    /// <summary>The tensors that down of all experts is stacked from.</summary>
    public IEnumerable<WeightPart> DownParts(string layer, int experts, int hidden) => Parts(layer, [Down], Weight, experts, hidden);

    /// <summary>The same of their biases.</summary>
    public IEnumerable<WeightPart> DownBiasParts(string layer, int experts, int hidden) => Parts(layer, [Down], Bias, experts, hidden);

    private IEnumerable<WeightPart> Parts(string layer, IReadOnlyList<string> names, string kind, int experts, int rows, bool takesTurns = false)
    {
        if (names is [var all] && !all.Contains("{0}", StringComparison.Ordinal))
        {
            var whole = new WeightPart(layer + NameOf(all, kind), 0, experts * rows) { IsTransposed = AreParameters && kind == Weight };
            return !takesTurns ? [whole] : Enumerable.Range(0, 2 * experts).Select(half => whole with { Length = rows / 2, FirstRow = (half / 2 * rows) + (half % 2), RowStep = 2 });
        }

        return from expert in Enumerable.Range(0, experts)
               from name in names
               select new WeightPart(layer + NameOf(string.Format(CultureInfo.InvariantCulture, name, expert), kind), 0, rows / names.Count);
    }

    private string NameOf(string name, string kind) => !AreParameters ? name + kind : kind == Weight ? name : name + "_bias";
}
