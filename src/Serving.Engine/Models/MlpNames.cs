namespace Serving.Engine.Models;

/// <summary>What a family's checkpoints call the MLP of a layer, without the layer's prefix.</summary>
/// <param name="Module">The MLP, with the dot behind it.</param>
/// <param name="GateUp">Gate and up where they are one tensor.</param>
/// <param name="Down">Down.</param>
public sealed record MlpNames(string Module, string GateUp, string Down)
{
    /// <summary>Most families'.</summary>
    public static MlpNames Usual { get; } = new("mlp.", "gate_up_proj", "down_proj");

    /// <summary>Those of Nemotron and Apertus, without a gate.</summary>
    public static MlpNames Ungated { get; } = Usual with { HasGate = false };

    /// <summary>StarCoder 2's, without a gate.</summary>
    public static MlpNames StarCoder { get; } = new("mlp.", string.Empty, "c_proj") { Up = "c_fc", HasGate = false };

    /// <summary>Those of Phi 1 and 2, without a gate.</summary>
    public static MlpNames Phi { get; } = new("mlp.", string.Empty, "fc2") { Up = "fc1", HasGate = false };

    /// <summary>Up.</summary>
    public string Up { get; init; } = "up_proj";

    /// <summary>Whether there is a gate: what up gives back goes through an activation by itself else.</summary>
    public bool HasGate { get; init; } = true;

    /// <summary>Granite 4's, of which the MLP is what its models with experts have beside them.</summary>
    public static MlpNames Shared { get; } = new("shared_mlp.", "input_linear", "output_linear");
}
