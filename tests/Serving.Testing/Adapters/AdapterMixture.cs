namespace Serving.Testing.Adapters;

/// <summary>Experts of a layer that are modules of their own: Qwen3's, or Mixtral's, which have other names.</summary>
/// <param name="Experts">How many.</param>
/// <param name="Width">Width of one.</param>
/// <param name="IsMixtral">Whether they are called as Mixtral's are.</param>
public sealed record AdapterMixture(int Experts, int Width, bool IsMixtral)
{
    /// <summary>What a projection of an expert is called by itself.</summary>
    public string NameOf(string projection) => !IsMixtral ? projection : projection switch
    {
        "gate_proj" => "w1",
        "up_proj" => "w3",
        "down_proj" => "w2",
        _ => projection,
    };

    /// <summary>An expert's module behind the layer's name.</summary>
    public string ModuleOf(int expert, string projection) =>
        FormattableString.Invariant($"{(IsMixtral ? "block_sparse_moe" : "mlp")}.experts.{expert}.{NameOf(projection)}");
}
