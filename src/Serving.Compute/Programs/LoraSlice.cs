namespace Serving.Compute.Programs;

/// <summary>The linear projections of a layer that an adapter may change: seven, of a mixture of experts what chooses them and what all tokens go through, and those of layers with a recurrent state.</summary>
public enum Projection
{
    /// <summary>self_attn.q_proj.</summary>
    Query,

    /// <summary>self_attn.k_proj.</summary>
    Key,

    /// <summary>self_attn.v_proj.</summary>
    Value,

    /// <summary>self_attn.o_proj.</summary>
    Output,

    /// <summary>mlp.gate_proj.</summary>
    Gate,

    /// <summary>mlp.up_proj.</summary>
    Up,

    /// <summary>mlp.down_proj.</summary>
    Down,

    /// <summary>mlp.gate: the logits by which experts are chosen.</summary>
    Router,

    /// <summary>mlp.shared_expert.gate_proj: of an MLP that every token goes through beside its experts.</summary>
    SharedGate,

    /// <summary>mlp.shared_expert.up_proj.</summary>
    SharedUp,

    /// <summary>mlp.shared_expert.down_proj.</summary>
    SharedDown,

    /// <summary>mlp.shared_expert_gate: what such an MLP is multiplied by.</summary>
    SharedFactor,

    /// <summary>The rows of self_attn.q_proj that are not q: what attention's output is multiplied by.</summary>
    OutputGate,

    /// <summary>linear_attn.in_proj_qkv, of a layer with a recurrent state.</summary>
    MixerInput,

    /// <summary>linear_attn.in_proj_z.</summary>
    MixerGate,

    /// <summary>linear_attn.in_proj_b.</summary>
    MixerBeta,

    /// <summary>linear_attn.in_proj_a.</summary>
    MixerDecay,

    /// <summary>linear_attn.out_proj.</summary>
    MixerOutput,
}

/// <summary>The part of a Linear's output that one projection's LoRA adds to; all slices of a Linear read that Linear's input.</summary>
/// <param name="Index">Position in <see cref="ModelProgram.Slices"/>: the key of an adapter's per-slice tables.</param>
/// <param name="Layer">Layer number.</param>
/// <param name="Projection">Which projection of the layer.</param>
/// <param name="InputWidth">Columns of A (the Linear's input width; of a rank's program, this rank's share of it: x·Aᵀ is then a sum over the ranks).</param>
/// <param name="OutputOffset">First output column of the Linear that the delta is added to.</param>
/// <param name="OutputWidth">Rows of B.</param>
/// <param name="InputOffset">First input column of the Linear that A reads.</param>
public sealed record LoraSlice(int Index, int Layer, Projection Projection, int InputWidth, int OutputOffset, int OutputWidth, int InputOffset = 0)
{
    /// <summary>
    /// An adapter has a pair of matrices for each of so many experts, of the same widths; a row's delta is by those of the expert that it was sorted to. 1 where the Linear
    /// has one matrix for all rows.
    /// </summary>
    public int Experts { get; init; } = 1;
}
