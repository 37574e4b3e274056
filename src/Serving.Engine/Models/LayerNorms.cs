namespace Serving.Engine.Models;

/// <summary>What a family's checkpoints call the norms of a layer, without the layer's prefix; null where there is no such norm.</summary>
/// <param name="Input">Before attention.</param>
/// <param name="Attended">Of what attention gives back, before it is added to the residual stream.</param>
/// <param name="MlpInput">Before the MLP.</param>
/// <param name="MlpOutput">Of what the MLP gives back. There is one where there is one of what attention does.</param>
public sealed record LayerNorms(string? Input, string? Attended, string? MlpInput, string? MlpOutput)
{
    /// <summary>Before attention and MLP: most families.</summary>
    public static LayerNorms Before { get; } = new("input_layernorm", null, "post_attention_layernorm", null);

    /// <summary>Before and behind both: Gemma.</summary>
    public static LayerNorms Gemma { get; } = new("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm");

    /// <summary>The same under GLM's names.</summary>
    public static LayerNorms Glm { get; } = new("input_layernorm", "post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm");

    /// <summary>Behind both alone: OLMo 2 and EXAONE 4.</summary>
    public static LayerNorms Behind { get; } = new(null, "post_attention_layernorm", null, "post_feedforward_layernorm");

    /// <summary>One before attention and MLP, which read the same (Command R, Phi 2).</summary>
    public static LayerNorms Shared { get; } = new("input_layernorm", null, null, null);

    /// <summary>The norm behind the last layer, with what stands before it.</summary>
    public string Final { get; init; } = "model.norm";

    /// <summary>Whether the MLP reads what attention reads, and both are added to the residual stream as it was before.</summary>
    public bool AreShared => Attended is null && MlpInput is null;

    /// <summary>Whether attention and MLP give back what is normed before it is added.</summary>
    public bool AreBehind => Attended is not null;
}
