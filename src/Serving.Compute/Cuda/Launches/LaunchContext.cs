using System.Runtime.InteropServices;
using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>Where everything lies that launches point to.</summary>
/// <param name="Program">The model.</param>
/// <param name="Pool">The pool.</param>
/// <param name="Weights">Weights and rotary table.</param>
/// <param name="Pages">The arena of pages.</param>
/// <param name="Adapters">What is bound to which slot.</param>
/// <param name="Layout">Where arrays lie in the step's block.</param>
/// <param name="Memory">What a step computes in.</param>
/// <param name="PlainKernels">Leave tensor cores alone.</param>
/// <param name="Branch">What adapters run on beside the base products; null where they run before them.</param>
/// <param name="Fuses">Let the kernel that ends a Linear do what follows it.</param>
/// <param name="CutsAlways">Sums that are cut for steps of few rows are cut for all, so that a row has one arithmetic.</param>
/// <param name="Ranks">The way to the other ranks, where the program is one rank's part.</param>
internal sealed record LaunchContext(
    ModelProgram Program, PoolShape Pool, DeviceWeights Weights, CudaDeviceBuffer Pages, AdapterTable Adapters, StepLayout Layout, StepMemory Memory, bool PlainKernels,
    AdapterBranch? Branch, bool Fuses, bool CutsAlways, RankContext? Ranks = null)
{
    /// <summary>Blocks that are resident at once, two per multiprocessor: what persistent kernels are launched with.</summary>
    public int ResidentBlocks => 2 * Pages.Context.Device.Multiprocessors;

    /// <summary>Splits that attention is given out in at most; null to choose step by step.</summary>
    public int? AttentionPieces { get; init; }

    /// <summary>Bytes of a matrix of integers that are bf16 at a time.</summary>
    public long DecodedBytes { get; init; } = DecodedSlabs.MostBytes;

    /// <summary>Where a buffer of the program lies.</summary>
    public ulong AddressOf(int buffer) => Memory.Buffers[buffer].Address;

    /// <summary>Elements from row to row of a buffer of the program.</summary>
    public int StrideOf(int buffer) => Strides.Of(Program.Buffers[buffer].Columns);

    /// <summary>Where an array of the step's block lies on the device.</summary>
    public ulong AddressOf(BlockSection section) => Memory.Block.Address + (ulong)section.Offset;

    /// <summary>Where a field of the <see cref="StepHeader"/> lies on the device.</summary>
    public ulong CountAddress(string field) => AddressOf(Layout.Header) + (ulong)Marshal.OffsetOf<StepHeader>(field);

    /// <summary>Where a step's count of a buffer's rows lies on the device.</summary>
    public ulong CountOf(int buffer) => CountAddress(Program.Buffers[buffer].Rows switch
    {
        BufferRows.Step => nameof(StepHeader.RowCount),
        BufferRows.Choice => nameof(StepHeader.ChoiceCount),
        _ => nameof(StepHeader.OutputCount),
    });

    /// <summary>What the append kernel takes for an op.</summary>
    public RopeAppendParameters Parameters(RopeAndAppendOp op) => new()
    {
        Input = AddressOf(op.Input),
        Output = AddressOf(op.Output),
        Pages = Pages.Address,
        PageBytes = (ulong)Pool.PageBytes,
        Positions = AddressOf(Layout.Positions),
        AppendPages = AddressOf(Layout.AppendPages),
        AppendSlots = AddressOf(Layout.AppendSlots),
        Cosines = Weights.Cosines.Address + TableOffset(op),
        Sines = Weights.Sines.Address + TableOffset(op),
        QueryNorm = Weights.AddressOf(op.QueryNorm),
        KeyNorm = Weights.AddressOf(op.KeyNorm),
        RowCount = CountAddress(nameof(StepHeader.RowCount)),
        Layer = op.Layer,
        HeadCount = Program.Shape.HeadCount,
        KvHeadCount = Program.Shape.KvHeadCount,
        HeadSize = Program.Shape.HeadSize,
        PairCount = Program.Rope.PairCount,
        InputStride = StrideOf(op.Input),
        OutputStride = StrideOf(op.Output),
        NormsTurned = op.NormsTurned ? 1 : 0,
        Epsilon = op.Epsilon,
        QueryOffset = OffsetOf(op.QueryNorm),
        KeyOffset = OffsetOf(op.KeyNorm),
    };

    /// <summary>What the norm kernel takes for an op.</summary>
    public RmsNormParameters Parameters(RmsNormOp op) => new()
    {
        Input = AddressOf(op.Input) + FirstColumn(op),
        Weight = Weights.AddressOf(op.Weight),
        Output = AddressOf(op.Output) + FirstColumn(op),
        RowCount = CountOf(op.Output),
        Columns = op is { FirstColumn: not null, Weight: { } part } ? Program.Weights[part].Columns : Program.Buffers[op.Input].Columns,
        InputStride = StrideOf(op.Input),
        OutputStride = StrideOf(op.Output),
        Epsilon = op.Epsilon,
        Offset = OffsetOf(op.Weight),
        Mode = op.FirstColumn is not null ? 1 : op.Accumulate ? 2 : 0,
    };

    /// <summary>What the kernel of LayerNorm takes for an op.</summary>
    public LayerNormParameters Parameters(LayerNormOp op)
    {
        var (columns, first) = (Program.Weights[op.Weight].Columns, (ulong)(op.FirstColumn ?? 0) * sizeof(float));
        var group = op.FirstColumn is null ? columns : Program.Shape.HeadSize;
        return new()
        {
            Input = AddressOf(op.Input) + first,
            Weight = Weights.AddressOf(op.Weight),
            Bias = Weights.AddressOf(op.Bias),
            Output = AddressOf(op.Output) + first,
            RowCount = CountOf(op.Output),
            Columns = group,
            Groups = columns / group,
            InputStride = StrideOf(op.Input),
            OutputStride = StrideOf(op.Output),
            Epsilon = op.Epsilon,
            Offset = OffsetOf(op.Weight),
            Mode = op.FirstColumn is null ? 0 : 1,
        };
    }

    /// <summary>Bytes from a row's beginning to the first column that is normed.</summary>
    private static ulong FirstColumn(RmsNormOp op) => (ulong)(op.FirstColumn ?? 0) * sizeof(float);

    /// <summary>Bytes from the rotary tables' first element to that of the table that an op turns by.</summary>
    private ulong TableOffset(RopeAndAppendOp op) => (ulong)Program.Rope.FirstOf(op.Table) * (ulong)Program.Rope.PairCount * sizeof(float);

    /// <summary>What kernels add to a weight's elements: vectors are bf16 on the device, and their offset would be rounded with them.</summary>
    private float OffsetOf(int? weight) => weight is { } index ? Program.Weights[index].Offset : 0;
}
