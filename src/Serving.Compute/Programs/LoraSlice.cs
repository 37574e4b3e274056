namespace Serving.Compute.Programs;

/// <summary>The seven linear projections of a layer that an adapter may change.</summary>
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
}

/// <summary>The part of a Linear's output that one projection's LoRA adds to; all slices of a Linear read that Linear's input.</summary>
/// <param name="Index">Position in <see cref="ModelProgram.Slices"/>: the key of an adapter's per-slice tables.</param>
/// <param name="Layer">Layer number.</param>
/// <param name="Projection">Which projection of the layer.</param>
/// <param name="InputWidth">Columns of A (the Linear's input width; of a rank's program, this rank's share of it: x·Aᵀ is then a sum over the ranks).</param>
/// <param name="OutputOffset">First output column of the Linear that the delta is added to.</param>
/// <param name="OutputWidth">Rows of B.</param>
/// <param name="InputOffset">First input column of the Linear that A reads.</param>
public sealed record LoraSlice(int Index, int Layer, Projection Projection, int InputWidth, int OutputOffset, int OutputWidth, int InputOffset = 0);
