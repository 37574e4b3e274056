namespace Serving.Engine.Models;

/// <summary>An MLP that every token goes through beside its experts, whose output is added to theirs.</summary>
/// <param name="Width">Its width.</param>
/// <param name="GateUp">Gate and up as two tensors, or as one, gate first; without the layer's prefix.</param>
/// <param name="Down">Its down.</param>
/// <param name="Factor">The matrix of one output by whose logistic function what the MLP gives back is multiplied; null where it is added as it is.</param>
public sealed record SharedExpert(int Width, IReadOnlyList<string> GateUp, string Down, string? Factor)
{
    /// <summary>Qwen2 MoE's.</summary>
    public static SharedExpert Qwen(int width) =>
        new(width, ["mlp.shared_expert.gate_proj", "mlp.shared_expert.up_proj"], "mlp.shared_expert.down_proj", "mlp.shared_expert_gate");

    /// <summary>Granite's.</summary>
    public static SharedExpert Granite(int width) => new(width, ["shared_mlp.input_linear"], "shared_mlp.output_linear", null);
}
