using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// Which neighbours of a program's list become one: a Linear, and the op behind it that reads what it writes. The choice is the model's, never a step's, and the bits
/// are those of the two kernels after each other.
/// </summary>
internal static class Fusion
{
    /// <summary>Columns that a block of the fused kernels has of a head's row: heads must not cross them.</summary>
    private const int HeadColumns = 256;

    /// <summary>The op behind a Linear that the kernel which ends the Linear does too; null where each is by itself.</summary>
    /// <param name="program">The list.</param>
    /// <param name="index">The Linear's place in it.</param>
    public static ProgramOp? NextOf(ModelProgram program, int index)
    {
        if (program.Ops[index] is not LinearOp linear || index + 1 == program.Ops.Count)
        {
            return null;
        }

        var next = program.Ops[index + 1];
        var takes = next switch
        {
            // The residual stream is written all the same: who reads it later finds it.
            RmsNormOp norm => norm is { Accumulate: false, FirstColumn: null, Weight: not null } && norm.Input == linear.Output && program.Buffers[norm.Output].Rows == BufferRows.Step && IsResidual(linear, program.Buffers[linear.Output].Columns),
            GateMulOp gate => gate.Activation != GateActivation.SwigluOai && gate.Factor is null && gate.Input == linear.Output && IsGateUp(linear, program.Buffers[gate.Output].Columns),
            RopeAndAppendOp rope => rope.Input == linear.Output && IsQueryKeyValue(linear, program.Shape),
            _ => false,
        };
        return takes && (next is RmsNormOp || IsDead(program, index + 2, linear.Output)) ? next : null;
    }

    /// <summary>Whether the experts' product behind a dispatch is all that reads what it would copy, so that it can look its rows up by itself.</summary>
    /// <param name="program">The list.</param>
    /// <param name="index">The dispatch's place in it.</param>
    public static bool LooksUp(ModelProgram program, int index) =>
        index + 1 < program.Ops.Count && program.Ops[index] is DispatchOp dispatch && program.Ops[index + 1] is LinearOp linear && linear.Input == dispatch.Output
            && IsDead(program, index + 2, dispatch.Output);

    /// <summary>The gate behind an experts' product of [gate | up] that is all that reads it; null where each is by itself.</summary>
    /// <param name="program">The list.</param>
    /// <param name="index">The product's place in it.</param>
    public static GateMulOp? GateBehind(ModelProgram program, int index) =>
        index + 1 < program.Ops.Count && program.Ops[index] is LinearOp { Mode: LinearOutput.Round } linear && program.Ops[index + 1] is GateMulOp { Factor: null } gate && gate.Input == linear.Output
            && program.Weights[linear.Weight].RowsPerExpert == 2 * program.Buffers[gate.Output].Columns && IsDead(program, index + 2, linear.Output) ? gate : null;

    private static bool IsResidual(LinearOp linear, int width) =>
        linear.Mode == LinearOutput.Accumulate && width <= KernelSet.FinishNormColumns && (linear.Slices.Count == 0 || AreSideBySide(linear.Slices, [width]));

    private static bool IsGateUp(LinearOp linear, int width) =>
        linear.Mode == LinearOutput.Round && AreSideBySide(linear.Slices, [width, width]);

    private static bool IsQueryKeyValue(LinearOp linear, ModelShape shape) =>
        linear.Mode == LinearOutput.Keep && HeadColumns % shape.HeadSize == 0 && AreSideBySide(linear.Slices, [shape.QueryWidth, shape.KvWidth, shape.KvWidth]);

    private static bool AreSideBySide(IReadOnlyList<LoraSlice> slices, ReadOnlySpan<int> widths)
    {
        var offset = 0;
        for (var i = 0; i < widths.Length; offset += widths[i++])
        {
            if (i >= slices.Count || slices[i].OutputOffset != offset || slices[i].OutputWidth != widths[i])
            {
                return false;
            }
        }

        return slices.Count == widths.Length && slices.Count <= LoraParameters.MaxSlices;
    }

    /// <summary>Nobody from an op on reads what a buffer holds now.</summary>
    private static bool IsDead(ModelProgram program, int from, int buffer)
    {
        for (var i = from; i < program.Ops.Count; i++)
        {
            var (reads, writes) = UseOf(program.Ops[i]);
            if (reads.Contains(buffer))
            {
                return false;
            }

            if (writes == buffer)
            {
                return true;
            }
        }

        return true;
    }

    private static (int[] Reads, int? Writes) UseOf(ProgramOp op) => op switch
    {
        EmbedOp embed => ([], embed.Output),
        RmsNormOp norm when norm.Accumulate || norm.FirstColumn is not null => ([norm.Input, norm.Output], norm.Output),
        RmsNormOp norm => ([norm.Input], norm.Output),
        LayerNormOp { FirstColumn: not null } norm => ([norm.Input, norm.Output], norm.Output),
        LayerNormOp norm => ([norm.Input], norm.Output),
        ActivationOp activation => ([activation.Input], activation.Output),
        LinearOp { Mode: LinearOutput.Accumulate } linear => ([linear.Input, linear.Output], linear.Output),
        LinearOp linear => ([linear.Input], linear.Output),
        RopeAndAppendOp rope => ([rope.Input], rope.Output),
        PagedAttentionOp attention => ([attention.Input], attention.Output),
        GateMulOp { Factor: { } factor } gate => ([gate.Input, factor], gate.Output),
        GateMulOp gate => ([gate.Input], gate.Output),
        SigmoidMulOp gate => ([gate.Input, gate.Gate], gate.Output),
        ConvolutionOp convolution => ([convolution.Input], convolution.Output),
        DeltaRuleOp rule => ([rule.Input, rule.Gate, rule.Rates], rule.Output),
        RouteOp route => ([route.Input], null),
        DispatchOp dispatch => ([dispatch.Input], dispatch.Output),
        CombineOp combine => ([combine.Input, combine.Output], combine.Output),
        GatherOp gather => ([gather.Input], gather.Output),
        LogitsOp logits => ([logits.Input], logits.Output),
        SampleOp sample => ([sample.Input], null),
        AllReduceOp { Accumulate: false } reduce => ([reduce.Input], reduce.Output),
        AllReduceOp reduce => ([reduce.Input, reduce.Output], reduce.Output),
        AllGatherOp gather => ([gather.Input], gather.Output),
        _ => throw new ArgumentException($"What {op.GetType().Name} reads is not known here."),
    };
}
