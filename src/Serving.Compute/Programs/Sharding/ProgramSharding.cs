namespace Serving.Compute.Programs.Sharding;

/// <summary>
/// Cuts a program into those of several ranks: tensor parallelism as Megatron has it for the base and S-LoRA for adapters.
/// <code>
/// residual ── norm ──► qkv, gate_up by output columns ──► attention, SiLU·mul of the rank's heads and columns ──► o, down by input columns ──► partial
///     ▲ whole on every rank                                                                                                               │
///     └───────────────────────────────────────── += sum over the ranks (AllReduce) ◄──────────────────────────────────────────────────────┘
/// </code>
/// Of a mixture every rank has a share of every expert, cut as an MLP is; what chooses them is whole on every rank, so that all choose alike without a word, and a row's choices are put together
/// before they are summed over the ranks. Norms, embedding and residual stream are whole on every rank; where a norm stands between o or down and the residual, it norms the ranks' sum. Logits are cut by vocabulary and gathered, so that every rank samples the same ids from the same
/// bits and its next step needs no word from the host. With a whole head on every rank, a rank of eight of Llama 3.1 8B would read 1.05 GB of it per step beside 1.74 GB of
/// everything else, instead of 0.13; gathering moves 4 bytes × vocabulary per output, 0.5 MB there.
///
/// Of an adapter every rank keeps its share of A's columns and of B's rows, of every Linear alike: 1 ÷ ranks of the bytes whatever the adapter's rank. x·Aᵀ is then
/// summed over the ranks in fp32 before it is scaled and rounded. S-LoRA cuts A of the Linears that are cut by output columns by its rows instead; an adapter of
/// rank 8 has one block of them (a cell), which leaves nothing to share out.
/// </summary>
public static class ProgramSharding
{
    /// <summary>Whether a program can be cut for so many ranks; <paramref name="reason"/> is one line for people when not.</summary>
    public static bool Supports(ModelProgram program, int ranks, out string reason)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentOutOfRangeException.ThrowIfLessThan(ranks, 1);
        var shape = program.Shape;
        reason = program.Ops.Any(op => op is ConvolutionOp or DeltaRuleOp or SigmoidMulOp) ? "a model with a recurrent state or a gate behind attention cannot be shared out to several GPUs"
            : program.Ops.OfType<RmsNormOp>().Any(op => op.FirstColumn is not null) ? "a model that norms all heads together cannot be shared out to several GPUs"
            : program.Ops.OfType<LayerNormOp>().Any(op => op.FirstColumn is not null) ? "a model that norms every head by a weight of its own cannot be shared out to several GPUs"
            : program.Slices.Any(slice => slice.Projection is Projection.SharedGate or Projection.SharedUp or Projection.SharedDown) ? "a model with an expert that all tokens go through cannot be shared out to several GPUs"
            : program.Weights.Any(weight => weight.Format != WeightFormat.BFloat16) ? "matrices of integers cannot be shared out to several GPUs"
            : shape.KvHeadCount % ranks != 0 ? $"the model's {shape.KvHeadCount} key/value heads cannot be shared out to {ranks} GPUs evenly"
            : !ShardRange.IsEnough(shape.HiddenSize, ranks) ? $"a hidden size of {shape.HiddenSize} is not enough for {ranks} GPUs"
            : !ShardRange.IsEnough(shape.IntermediateSize, ranks) ? $"an intermediate size of {shape.IntermediateSize} is not enough for {ranks} GPUs"
            : !ShardRange.IsEnough(shape.VocabularySize, ranks) ? $"a vocabulary of {shape.VocabularySize} tokens is not enough for {ranks} GPUs"
            : program.Ops.OfType<LinearOp>().FirstOrDefault(op => program.IsExperts(op) && !ShardRange.IsEnough(WidthOfExperts(op, program), ranks)) is { } experts
                ? $"a width of {WidthOfExperts(experts, program)} of an expert is not enough for {ranks} GPUs"
            : program.Ops.OfType<LinearOp>().FirstOrDefault(op => !program.IsExperts(op) && !program.IsRouter(op) && !IsCut(op, program)) is { } linear ? $"{program.Weights[linear.Weight].Name} cannot be cut: its projections are not known"
            : string.Empty;
        return reason.Length == 0;
    }

    /// <summary>The part of rank <paramref name="rank"/>. The caller has asked <see cref="Supports"/>.</summary>
    public static ProgramShard Create(ModelProgram program, int rank, int ranks)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(rank, ranks);
        return Supports(program, ranks, out var reason) ? new ShardWriter(program, rank, ranks).Write() : throw new ArgumentException(reason, nameof(program));
    }

    /// <summary>Whether a Linear's slices say which projections it is made of: q, k, v or gate, up side by side, or o or down, onto the residual or to a norm that adds to it.</summary>
    private static bool IsCut(LinearOp op, ModelProgram program)
    {
        return op.Slices.Sum(slice => slice.OutputWidth) == program.Weights[op.Weight].Rows
            && (IsByInputs(op) ? op.Slices.Count == 1 && op.Mode != LinearOutput.Round : op.Mode != LinearOutput.Accumulate);
    }

    /// <summary>Whether a Linear is o or down, whose input the ranks share out and whose output is a sum over them.</summary>
    internal static bool IsByInputs(LinearOp op) => op.Slices.Any(slice => slice.Projection is Projection.Output or Projection.Down);

    /// <summary>Whether a Linear's outputs are gate and up, side by side.</summary>
    internal static bool IsGated(LinearOp op, ModelProgram program) => program.Ops.OfType<GateMulOp>().Any(gate => gate.Input == op.Output);

    /// <summary>What ranks share out of an expert: columns between its gate and its down.</summary>
    private static int WidthOfExperts(LinearOp op, ModelProgram program) => IsGated(op, program) ? program.Weights[op.Weight].RowsPerExpert / 2 : program.Weights[op.Weight].Columns;
}
