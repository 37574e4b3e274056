using Serving.Compute.Cpu.Interop;
using Serving.Compute.Programs;

namespace Serving.Compute.Cpu;

/// <summary>Writes a program's lists as the arrays that the library reads once, at creation.</summary>
internal static class NativeProgramWriter
{
    /// <summary>The operations, one srv_op each.</summary>
    public static NativeOp[] Ops(ModelProgram program) => [.. program.Ops.Select(Convert)];

    /// <summary>The buffers.</summary>
    public static NativeBufferInfo[] Buffers(ModelProgram program) =>
        [.. program.Buffers.Select(buffer => new NativeBufferInfo { Columns = buffer.Columns, Element = (int)buffer.Element, Rows = (int)buffer.Rows })];

    /// <summary>The weights.</summary>
    public static NativeWeight[] Weights(ModelProgram program) =>
        [.. program.Weights.Select(Convert)];

    /// <summary>The slices.</summary>
    public static NativeSlice[] Slices(ModelProgram program) =>
        [.. program.Slices.Select(slice => new NativeSlice { InputWidth = slice.InputWidth, OutputOffset = slice.OutputOffset, OutputWidth = slice.OutputWidth, Experts = slice.Experts })];

    private static NativeWeight Convert(WeightSpec weight) => new()
    {
        Rows = weight.Rows,
        Columns = weight.Columns,
        Kind = (int)weight.Kind,
        Format = (int)weight.Format,
        Offset = weight.Offset,
        Experts = weight.Experts,
    };

    private static NativeOp Convert(ProgramOp op) => op switch
    {
        EmbedOp e => Op(NativeOpKind.Embed, -1, e.Output, e.Weight) with { Scale = e.Scale },
        RmsNormOp n => Op(NativeOpKind.RmsNorm, n.Input, n.Output, n.Weight ?? -1) with { Epsilon = n.Epsilon, Mode = (int)ModeOf(n), FirstColumn = n.FirstColumn ?? 0 },
        LayerNormOp n => Op(NativeOpKind.LayerNorm, n.Input, n.Output, n.Weight) with { Bias = n.Bias ?? -1, Epsilon = n.Epsilon, Mode = n.FirstColumn is null ? 0 : 1, FirstColumn = n.FirstColumn ?? 0 },
        LinearOp l => Op(NativeOpKind.Linear, l.Input, l.Output, l.Weight) with
        {
            Bias = l.Bias ?? -1,
            Mode = (int)l.Mode,
            FirstSlice = l.Slices.Count == 0 ? 0 : l.Slices[0].Index,
            SliceCount = l.Slices.Count,
        },
        RopeAndAppendOp r => Op(NativeOpKind.RopeAppend, r.Input, r.Output, -1) with
        {
            Layer = r.Layer,
            QueryNorm = r.QueryNorm ?? -1,
            KeyNorm = r.KeyNorm ?? -1,
            Epsilon = r.Epsilon,
            Table = r.Table,
            Mode = r.NormsTurned ? 1 : 0,
        },
        PagedAttentionOp a => Op(NativeOpKind.Attention, a.Input, a.Output, a.Sinks ?? -1) with { Layer = a.Layer, Scale = a.Scale, Cap = a.ScoreCap, Window = a.Window },
        GateMulOp m => Op(NativeOpKind.GateMul, m.Input, m.Output, -1) with { Mode = (int)m.Activation, Cap = m.Limit, Factor = m.Factor ?? -1 },
        SigmoidMulOp s => Op(NativeOpKind.SigmoidMul, s.Input, s.Output, -1) with { Gate = s.Gate },
        ConvolutionOp c => Op(NativeOpKind.Convolution, c.Input, c.Output, c.Weight) with
        {
            Bias = c.Bias ?? -1,
            FirstColumn = c.FirstColumn,
            Taps = c.Taps,
            Mode = c.Silu ? 1 : 0,
            StateOffset = c.StateOffset,
        },
        DeltaRuleOp d => Op(NativeOpKind.DeltaRule, d.Input, d.Output, d.Norm) with
        {
            Gate = d.Gate,
            GateColumn = d.GateColumn,
            Rates = d.Rates,
            Rate = d.Rate,
            DecayBias = d.DecayBias,
            Epsilon = d.Epsilon,
            KeyHeads = d.Heads.KeyHeads,
            ValueHeads = d.Heads.ValueHeads,
            KeySize = d.Heads.KeySize,
            ValueSize = d.Heads.ValueSize,
            StateOffset = d.StateOffset,
        },
        ActivationOp a => Op(NativeOpKind.Activation, a.Input, a.Output, a.Numbers ?? -1) with { Mode = (int)a.Activation },
        RouteOp r => Op(NativeOpKind.Route, r.Input, -1, -1) with { Mode = r.Renormalize ? 1 : 0 },
        DispatchOp d => Op(NativeOpKind.Dispatch, d.Input, d.Output, -1),
        CombineOp { Accumulate: true } c => Op(NativeOpKind.Combine, c.Input, c.Output, -1),
        GatherOp g => Op(NativeOpKind.Gather, g.Input, g.Output, -1),
        LogitsOp l => Op(NativeOpKind.Logits, l.Input, l.Output, l.Weight) with { Bias = l.Bias ?? -1, Mode = (int)LinearOutput.Keep, Cap = l.Cap, Scale = l.Scale },
        SampleOp s => Op(NativeOpKind.Sample, s.Input, -1, -1),
        _ => throw new ArgumentException($"The CPU backend has no kernel for {op.GetType().Name}.", nameof(op)),
    };

    /// <summary>What a norm does with its result, in a Linear's words.</summary>
    private static LinearOutput ModeOf(RmsNormOp op) => op.FirstColumn is not null ? LinearOutput.Keep : op.Accumulate ? LinearOutput.Accumulate : LinearOutput.Round;

    private static NativeOp Op(NativeOpKind kind, int input, int output, int weight) =>
        new() { Kind = kind, Input = input, Output = output, Weight = weight, Bias = -1, QueryNorm = -1, KeyNorm = -1, Factor = -1, Gate = -1, Rates = -1, Rate = -1, DecayBias = -1 };
}
