namespace Serving.Compute.Adapters;

/// <summary>The LoRA of one slice, or of one expert of it: delta = scale · B (A x).</summary>
/// <param name="Slice">Index in <c>ModelProgram.Slices</c>.</param>
/// <param name="Rank">Rows of A, columns of B; 1 … 256.</param>
/// <param name="Scale">alpha ÷ rank, or alpha ÷ √rank for rsLoRA, after rank and alpha patterns.</param>
/// <param name="A">bf16, [rank, input width], row-major (PEFT's lora_A.weight).</param>
/// <param name="B">bf16, [output width, rank], row-major (PEFT's lora_B.weight).</param>
public sealed record AdapterSlice(int Slice, int Rank, float Scale, ReadOnlyMemory<ushort> A, ReadOnlyMemory<ushort> B)
{
    /// <summary>The expert that it is of; 0 where the slice has one pair of matrices.</summary>
    public int Expert { get; init; }

    /// <summary>
    /// Of DoRA (arXiv 2402.09353), the length that each output's row of W + scale · B A is brought to; empty of a plain LoRA. Then y = magnitude ÷ ‖W + scale · B A‖ · (W x + delta) + bias.
    /// </summary>
    public ReadOnlyMemory<float> Magnitudes { get; init; }
}

/// <summary>An adapter in host memory, ready to be packed into pages: the slices it has, in ascending order, and of a slice the experts. No slice, or no expert of it, means no delta.</summary>
public sealed record AdapterWeights(IReadOnlyList<AdapterSlice> Slices);
