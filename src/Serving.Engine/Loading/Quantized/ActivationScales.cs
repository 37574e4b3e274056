namespace Serving.Engine.Loading.Quantized;

/// <summary>
/// Tensors that say how activations, keys or values were rounded when a model was calibrated. Here they are not rounded, as on GPUs without the arithmetic of a scheme: what is computed
/// is what the scheme comes near to.
/// </summary>
internal static class ActivationScales
{
    private static readonly HashSet<string> Names =
    [
        "input_scale", "activation_scale", "input_zero_point", "input_global_scale", "output_scale", "output_zero_point",
        "q_scale", "k_scale", "v_scale", "kv_scale", "k_zero_point", "v_zero_point",
    ];

    /// <summary>Whether a tensor is one of them.</summary>
    public static bool Contains(string tensor) => Names.Contains(tensor[(tensor.LastIndexOf('.') + 1)..]);
}
