namespace Serving.Compute.Programs;

/// <summary>What a <see cref="LinearOp"/> does with its fp32 result (accumulated product + bias + LoRA delta).</summary>
public enum LinearOutput
{
    /// <summary>Rounded once to a bf16 buffer.</summary>
    Round,

    /// <summary>Written unrounded to an fp32 buffer (RoPE follows and rounds).</summary>
    Keep,

    /// <summary>Added unrounded to an fp32 buffer: the residual stream (o and down).</summary>
    Accumulate,

    /// <summary>
    /// Written unrounded to an fp32 buffer: one rank's part of a sum over ranks. Bias and deltas go to the columns of the slices alone, as the other ranks see to theirs.
    /// </summary>
    Partial,
}

/// <summary>One operation of a <see cref="ModelProgram"/>. Buffers and weights are indices into the program's lists.</summary>
public abstract record ProgramOp;

/// <summary>output[row] (fp32) = weight[token of row].</summary>
public sealed record EmbedOp(int Output, int Weight) : ProgramOp;

/// <summary>output (bf16) = x · rsqrt(mean(x²) + epsilon) · weight, in fp32, rounded once. Input fp32.</summary>
public sealed record RmsNormOp(int Input, int Output, int Weight, float Epsilon) : ProgramOp;

/// <summary>output = input (bf16) · weightᵀ + bias + LoRA deltas of the row's adapter, fp32 accumulation; see <see cref="LinearOutput"/>.</summary>
public sealed record LinearOp(int Input, int Output, int Weight, int? Bias, LinearOutput Mode, IReadOnlyList<LoraSlice> Slices) : ProgramOp;

/// <summary>
/// Splits input (fp32, [q | k | v]) into heads; norms q and k per head where weights are given (Qwen3); rotates q and k by the row's
/// position (half-split pairs: element i with element i + headSize/2); rounds q to output (bf16) and k, v once to the row's page slot of <paramref name="Layer"/>.
/// </summary>
public sealed record RopeAndAppendOp(int Input, int Output, int Layer, int? QueryNorm, int? KeyNorm, float Epsilon) : ProgramOp;

/// <summary>Causal attention by ordinal of input (q, bf16) over the sequence's pages of <paramref name="Layer"/>; output bf16. Scores are multiplied by <paramref name="Scale"/>.</summary>
public sealed record PagedAttentionOp(int Input, int Output, int Layer, float Scale) : ProgramOp;

/// <summary>output (bf16) = silu(gate) · up in fp32; input (bf16) is [gate | up].</summary>
public sealed record SiluMulOp(int Input, int Output) : ProgramOp;

/// <summary>output[i] = input[row of output i], fp32: the rows that go on to logits.</summary>
public sealed record GatherOp(int Input, int Output) : ProgramOp;

/// <summary>output (fp32) = input (bf16) · weightᵀ, from row <paramref name="FirstRow"/> of the weight on, as far as it or the output goes.</summary>
public sealed record LogitsOp(int Input, int Output, int Weight, int FirstRow = 0) : ProgramOp;

/// <summary>Samples or scores every output row of input (fp32 logits) as its <c>SampleRow</c> says.</summary>
public sealed record SampleOp(int Input) : ProgramOp;

/// <summary>output (fp32) += the sum of input (fp32) over all ranks, the same bits on each. Of a rank's program only.</summary>
public sealed record AllReduceOp(int Input, int Output) : ProgramOp;

/// <summary>output (fp32) = the inputs (fp32) of all ranks side by side, rank 0's first, as far as output's columns go. Of a rank's program only.</summary>
public sealed record AllGatherOp(int Input, int Output) : ProgramOp;
