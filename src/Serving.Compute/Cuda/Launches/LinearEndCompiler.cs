using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>The end of a Linear.</summary>
/// <param name="Op">The Linear.</param>
/// <param name="Next">The op behind it that its end does too, as <see cref="Fusion.NextOf"/> says; null for none.</param>
/// <param name="Lora">What its shrink has.</param>
/// <param name="Product">Its product in fp32.</param>
/// <param name="ProductStride">Elements from row to row of the product.</param>
/// <param name="PlaneStride">Floats from plane to plane of the product.</param>
/// <param name="Planes">Planes that the product comes in.</param>
internal sealed record LinearEnd(LinearOp Op, ProgramOp? Next, LoraParameters Lora, ulong Product, int ProductStride, long PlaneStride, int Planes = 1);

/// <summary>What follows a product: bias, deltas, rounding or accumulation, and the op behind the Linear where one kernel does both.</summary>
internal sealed class LinearEndCompiler(LaunchContext context, KernelSet kernels)
{
    /// <summary>Columns that a block of the plain finishing kernel takes.</summary>
    private const int PlainColumns = 512;

    /// <summary>Columns of a slice that a block of the tiled kernels takes.</summary>
    private const int SliceColumns = 256;

    /// <summary>Columns of a slice that a block of the expanding kernel takes.</summary>
    private const int ExpandColumns = 512;

    /// <summary>Columns of the output that a block of the row by row SiLU·mul takes.</summary>
    private const int SiluRowColumns = 512;

    /// <summary>Columns of a slice that a block of the scaling kernel takes.</summary>
    private const int ScaleColumns = 512;

    /// <summary>Heads that a block of the row by row append takes.</summary>
    private const int HeadsPerBlock = 4;

    /// <summary>
    /// What an end needs before it besides product and shrink: the deltas, where it takes rows one by one and could not read an adapter's B by itself. The end that norms takes rows in every step,
    /// the others that do what follows them in steps of few rows.
    /// </summary>
    public IEnumerable<IStepWork> Before(LinearEnd end)
    {
        if (end.Next is not null && end.Op.Slices.Count > 0)
        {
            var parameters = Parameters(end) with { Output = context.Memory.Deltas.Address, OutputStride = end.ProductStride };
            var units = end.Op.Slices.Sum(slice => Blocks(slice.OutputWidth, ExpandColumns));
            var expand = new KernelLaunch<FinishParameters>(kernels.LoraExpand, new GridRule(GridUnit.AdapterTiles, Y: units), parameters);
            yield return end.Next is RmsNormOp ? expand : new LaunchByRows(expand, null, ProductPlanes.FewRows);
        }
    }

    /// <summary>The product times the factors of DoRA adapters, in steps that have one.</summary>
    public IStepWork Scaled(LinearEnd end)
    {
        var units = end.Op.Slices.Max(slice => Blocks(slice.OutputWidth, ScaleColumns));
        return new KernelLaunch<ScaleParameters>(kernels.ScaleOutputs, new GridRule(GridUnit.FactorRows, Y: units), new ScaleParameters
        {
            Lora = end.Lora,
            FactorRuns = context.Adapters.FactorRuns.Address,
            Product = end.Product,
            RowSlots = context.AddressOf(context.Layout.RowSlots),
            RowCount = context.CountAddress(nameof(StepHeader.RowCount)),
            PlaneStride = (ulong)end.PlaneStride,
            ProductStride = end.ProductStride,
            Planes = end.Planes,
        });
    }

    /// <summary>The end of steps of any size.</summary>
    public IStepWork Of(LinearEnd end) => end.Next switch
    {
        RmsNormOp norm => Normed(end, norm),
        GateMulOp gate => Tiled(kernels.FinishSiluMul, Blocks(context.Program.Buffers[gate.Output].Columns, SliceColumns), Activated(end, gate)),
        RopeAndAppendOp rope => Tiled(kernels.FinishRopeAppend, Units(end.Op), Appended(end, rope)),
        _ => Alone(end),
    };

    /// <summary>The end of steps of few rows.</summary>
    public IStepWork OfFew(LinearEnd end) => end.Next switch
    {
        GateMulOp gate => RowByRow(kernels.FinishSiluMulRows, Blocks(context.Program.Buffers[gate.Output].Columns, SiluRowColumns), Activated(end, gate)),
        RopeAndAppendOp rope => RowByRow(
            kernels.FinishRopeAppendRows with { SharedBytes = KernelSet.FinishRopeRowsSharedBytes / CudaBackend.MaxHeadSize * context.Program.Shape.HeadSize },
            Blocks(context.Program.Shape.HeadCount + (2 * context.Program.Shape.KvHeadCount), HeadsPerBlock),
            Appended(end, rope)),
        _ => Of(end),
    };

    private static int Units(LinearOp op) => op.Slices.Sum(slice => Blocks(slice.OutputWidth, SliceColumns));

    private static int Blocks(int columns, int perBlock) => (columns + perBlock - 1) / perBlock;

    private static KernelLaunch<T> Tiled<T>(StepKernel kernel, int units, T parameters)
        where T : unmanaged => new(kernel, new GridRule(GridUnit.Tiles, Y: units), parameters);

    private static KernelLaunch<T> RowByRow<T>(StepKernel kernel, int units, T parameters)
        where T : unmanaged => new(kernel, new GridRule(GridUnit.Rows, Y: units), parameters, joins: true);

    private FinishParameters Activated(LinearEnd end, GateMulOp gate) => Parameters(end) with { Output = context.AddressOf(gate.Output), OutputStride = context.StrideOf(gate.Output), Mode = (int)gate.Activation };

    private FinishRopeParameters Appended(LinearEnd end, RopeAndAppendOp rope) => new() { Linear = Parameters(end), Rope = context.Parameters(rope) };

    private KernelLaunch<FinishParameters> Alone(LinearEnd end)
    {
        // The tiled kernel walks slices: it needs them to cover all columns, as those of a model do. What a rank's slices leave out of its part of a sum is done in place.
        var (op, parameters) = (end.Op, Parameters(end));
        var covered = op.Slices.Count == 0 || op.Mode == LinearOutput.Partial || op.Slices.Sum(slice => slice.OutputWidth) == parameters.Columns;
        return context.PlainKernels || !covered
            ? new KernelLaunch<FinishParameters>(kernels.FinishPlain, new GridRule(GridUnit.Rows, Blocks(parameters.Columns, PlainColumns)), parameters)
            : Tiled(kernels.Finish, op.Slices.Count == 0 ? Blocks(parameters.Columns, SliceColumns) : Units(op), parameters);
    }

    private KernelLaunch<FinishNormParameters> Normed(LinearEnd end, RmsNormOp norm)
    {
        var parameters = new FinishNormParameters { Linear = Parameters(end), Norm = context.Parameters(norm) };
        var columns = parameters.Linear.Columns;
        var kernel = (end.Planes > ProductPlanes.Most ? kernels.FinishRmsNormPlanes : kernels.FinishRmsNorm) with { SharedBytes = KernelSet.FinishNormSharedBytes(columns) };
        return new KernelLaunch<FinishNormParameters>(kernel.Norming(columns), new GridRule(GridUnit.Rows), parameters, joins: true);
    }

    private FinishParameters Parameters(LinearEnd end) => new()
    {
        Lora = end.Lora,
        Product = end.Product,
        Bias = context.Weights.AddressOf(end.Op.Bias),
        Output = context.AddressOf(end.Op.Output),
        RowSlots = context.AddressOf(context.Layout.RowSlots),
        RowCount = context.CountAddress(nameof(StepHeader.RowCount)),
        Tiles = context.AddressOf(context.Layout.Tiles),
        TileRange = context.CountAddress(nameof(StepHeader.Tiles)),
        PlaneStride = (ulong)end.PlaneStride,
        Delta = context.Memory.Deltas.Address,
        Planes = end.Planes,
        DeltaStride = end.ProductStride,
        Columns = context.Program.Weights[end.Op.Weight].Rows,
        ProductStride = end.ProductStride,
        OutputStride = context.StrideOf(end.Op.Output),
        Mode = (int)(end.Op.Mode == LinearOutput.Partial ? LinearOutput.Keep : end.Op.Mode),
    };
}
