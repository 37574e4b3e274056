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

    /// <summary>What an end needs before it besides product and shrink: the deltas, where a block of it has a whole row and could not read an adapter's B by itself.</summary>
    public IEnumerable<IStepWork> Before(LinearEnd end)
    {
        if (end.Next is RmsNormOp && end.Op.Slices.Count > 0)
        {
            var parameters = Parameters(end) with { Output = DeltaOf(end), OutputStride = end.ProductStride };
            yield return new KernelLaunch<FinishParameters>(kernels.LoraExpand, new GridRule(GridUnit.AdapterTiles, Y: Units(end.Op)), parameters);
        }
    }

    /// <summary>The end itself.</summary>
    public IStepWork Of(LinearEnd end) => end.Next switch
    {
        RmsNormOp norm => Normed(end, norm),
        SiluMulOp silu => Tiled(
            kernels.FinishSiluMul,
            Blocks(context.Program.Buffers[silu.Output].Columns, SliceColumns),
            Parameters(end) with { Output = context.AddressOf(silu.Output), OutputStride = context.StrideOf(silu.Output) }),
        RopeAndAppendOp rope => Tiled(kernels.FinishRopeAppend, Units(end.Op), new FinishRopeParameters { Linear = Parameters(end), Rope = context.Parameters(rope) }),
        _ => Alone(end),
    };

    private static int Units(LinearOp op) => op.Slices.Sum(slice => Blocks(slice.OutputWidth, SliceColumns));

    private static int Blocks(int columns, int perBlock) => (columns + perBlock - 1) / perBlock;

    private static KernelLaunch<T> Tiled<T>(StepKernel kernel, int units, T parameters)
        where T : unmanaged => new(kernel, new GridRule(GridUnit.Tiles, Y: units), parameters);

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
        var parameters = new FinishNormParameters { Linear = Parameters(end), Norm = context.Parameters(norm), Delta = DeltaOf(end), DeltaStride = end.ProductStride };
        var kernel = (end.Planes > ProductPlanes.Most ? kernels.FinishRmsNormPlanes : kernels.FinishRmsNorm) with { SharedBytes = KernelSet.FinishNormSharedBytes(parameters.Linear.Columns) };
        return new KernelLaunch<FinishNormParameters>(kernel, new GridRule(GridUnit.Rows), parameters);
    }

    /// <summary>Behind all planes that the product has in any step: <see cref="StepMemory.Product"/> has room for all.</summary>
    private ulong DeltaOf(LinearEnd end) =>
        context.Memory.Product.Address + ((ulong)ProductPlanes.RowsOf(accumulates: true, context.Layout.Limits.MaxRows) * (ulong)end.ProductStride * sizeof(float));

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
        Planes = end.Planes,
        Columns = context.Program.Weights[end.Op.Weight].Rows,
        ProductStride = end.ProductStride,
        OutputStride = context.StrideOf(end.Op.Output),
        Mode = (int)(end.Op.Mode == LinearOutput.Partial ? LinearOutput.Keep : end.Op.Mode),
    };
}
