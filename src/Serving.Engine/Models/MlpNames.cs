namespace Serving.Engine.Models;

/// <summary>What a family's checkpoints call the MLP of a layer, without the layer's prefix.</summary>
/// <param name="Module">The MLP, with the dot behind it.</param>
/// <param name="GateUp">Gate and up where they are one tensor.</param>
/// <param name="Down">Down.</param>
public sealed record MlpNames(string Module, string GateUp, string Down)
{
    /// <summary>Most families'.</summary>
    public static MlpNames Usual { get; } = new("mlp.", "gate_up_proj", "down_proj");

    /// <summary>Granite 4's, of which the MLP is what its models with experts have beside them.</summary>
    public static MlpNames Shared { get; } = new("shared_mlp.", "input_linear", "output_linear");
}
