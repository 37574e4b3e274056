using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>Turns the ops of layers that remember into launches. Their kernels find the pages of a step's states in the step's block, so that recordings serve them as they do any other.</summary>
internal sealed class RecurrenceCompiler(LaunchContext context, KernelSet kernels, List<IStepWork> works)
{
    /// <summary>Columns that a block of the convolution takes.</summary>
    private const int ConvolutionColumns = 256;

    /// <summary>Adds an op.</summary>
    public void Add(ConvolutionOp op)
    {
        var columns = context.Program.Buffers[op.Output].Columns;
        works.Add(new KernelLaunch<ConvolutionParameters>(kernels.Convolution, new GridRule(GridUnit.Rows, (columns + ConvolutionColumns - 1) / ConvolutionColumns), new ConvolutionParameters
        {
            State = StateAt(op.StateOffset),
            Input = context.AddressOf(op.Input) + ((ulong)op.FirstColumn * sizeof(float)),
            Output = context.AddressOf(op.Output),
            Weight = context.Weights.AddressOf(op.Weight),
            Bias = context.Weights.AddressOf(op.Bias),
            RowSequences = context.AddressOf(context.Layout.RowSequences),
            RowCount = context.CountAddress(nameof(StepHeader.RowCount)),
            Columns = columns,
            Taps = op.Taps,
            InputStride = context.StrideOf(op.Input),
            OutputStride = context.StrideOf(op.Output),
            Silu = op.Silu ? 1 : 0,
        }));
    }

    /// <summary>Adds an op.</summary>
    public void Add(DeltaRuleOp op)
    {
        var heads = op.Heads;
        var kernel = kernels.DeltaRule with
        {
            Threads = DeltaRuleParameters.ThreadsOf(heads.ValueSize),
            SharedBytes = DeltaRuleParameters.SharedBytesOf(heads.KeySize, heads.ValueSize),
        };
        works.Add(new KernelLaunch<DeltaRuleParameters>(kernel, new GridRule(GridUnit.Sequences, heads.ValueHeads), new DeltaRuleParameters
        {
            State = StateAt(op.StateOffset),
            Input = context.AddressOf(op.Input),
            Gate = context.AddressOf(op.Gate) + ((ulong)op.GateColumn * sizeof(float)),
            Rates = context.AddressOf(op.Rates),
            Output = context.AddressOf(op.Output),
            Rate = context.Weights.AddressOf(op.Rate),
            DecayBias = context.Weights.AddressOf(op.DecayBias),
            Norm = context.Weights.AddressOf(op.Norm),
            KeyHeads = heads.KeyHeads,
            ValueHeads = heads.ValueHeads,
            KeySize = heads.KeySize,
            ValueSize = heads.ValueSize,
            InputStride = context.StrideOf(op.Input),
            GateStride = context.StrideOf(op.Gate),
            RatesStride = context.StrideOf(op.Rates),
            OutputStride = context.StrideOf(op.Output),
            Epsilon = op.Epsilon,
            QueryScale = 1 / MathF.Sqrt(heads.KeySize),
        }));
    }

    private StateParameters StateAt(long offset) => new()
    {
        Pages = context.Pages.Address,
        List = context.AddressOf(context.Layout.StatePages),
        Sequences = context.AddressOf(context.Layout.Sequences),
        SequenceCount = context.CountAddress(nameof(StepHeader.SequenceCount)),
        First = checked((int)(offset / sizeof(float))),
        PageFloats = checked((int)(context.Pool.PageBytes / sizeof(float))),
    };
}
