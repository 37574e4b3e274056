using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>What follows a product: bias, deltas, rounding or accumulation, and the op behind the Linear where one kernel does both.</summary>
internal sealed class LinearEndCompiler(LaunchContext context, KernelSet kernels, List<IStepWork> works)
{
    /// <summary>Columns that a block of the plain finishing kernel takes.</summary>
    private const int PlainColumns = 512;

    /// <summary>Columns of a slice that a block of the tiled kernels takes.</summary>
    private const int SliceColumns = 256;

    /// <summary>Adds the end of a Linear.</summary>
    /// <param name="op">The Linear.</param>
    /// <param name="next">The op behind it that its end does too, as <see cref="Fusion.NextOf"/> says; null for none.</param>
    /// <param name="lora">What its shrink had.</param>
    /// <param name="product">Its product in fp32.</param>
    /// <param name="productStride">Elements from row to row of the product.</param>
    public void Add(LinearOp op, ProgramOp? next, LoraParameters lora, ulong product, int productStride)
    {
        var parameters = Parameters(op, lora, product, productStride);
        switch (next)
        {
            case SiluMulOp silu:
                parameters.Output = context.AddressOf(silu.Output);
                parameters.OutputStride = context.StrideOf(silu.Output);
                Add(kernels.FinishSiluMul, Blocks(context.Program.Buffers[silu.Output].Columns, SliceColumns), parameters);
                break;
            case RopeAndAppendOp rope:
                Add(kernels.FinishRopeAppend, Units(op), new FinishRopeParameters { Linear = parameters, Rope = context.Parameters(rope) });
                break;
            default:
                Add(op, parameters);
                break;
        }
    }

    private void Add(LinearOp op, FinishParameters parameters)
    {
        // The tiled kernel walks slices: it needs them to cover all columns, as those of a model do. What a rank's slices leave out of its part of a sum is done in place.
        var covered = op.Slices.Count == 0 || op.Mode == LinearOutput.Partial || op.Slices.Sum(slice => slice.OutputWidth) == parameters.Columns;
        if (context.PlainKernels || !covered)
        {
            works.Add(new KernelLaunch<FinishParameters>(kernels.FinishPlain, new GridRule(GridUnit.Rows, Blocks(parameters.Columns, PlainColumns)), parameters));
        }
        else
        {
            Add(kernels.Finish, op.Slices.Count == 0 ? Blocks(parameters.Columns, SliceColumns) : Units(op), parameters);
        }
    }

    private void Add<T>(StepKernel kernel, int units, T parameters)
        where T : unmanaged => works.Add(new KernelLaunch<T>(kernel, new GridRule(GridUnit.Tiles, Y: units), parameters));

    private FinishParameters Parameters(LinearOp op, LoraParameters lora, ulong product, int productStride) => new()
    {
        Lora = lora,
        Product = product,
        Bias = context.Weights.AddressOf(op.Bias),
        Output = context.AddressOf(op.Output),
        RowSlots = context.AddressOf(context.Layout.RowSlots),
        RowCount = context.CountAddress(nameof(StepHeader.RowCount)),
        Tiles = context.AddressOf(context.Layout.Tiles),
        TileRange = context.CountAddress(nameof(StepHeader.Tiles)),
        Columns = context.Program.Weights[op.Weight].Rows,
        ProductStride = productStride,
        OutputStride = context.StrideOf(op.Output),
        Mode = (int)(op.Mode == LinearOutput.Partial ? LinearOutput.Keep : op.Mode),
    };

    private static int Units(LinearOp op) => op.Slices.Sum(slice => Blocks(slice.OutputWidth, SliceColumns));

    private static int Blocks(int columns, int perBlock) => (columns + perBlock - 1) / perBlock;
}
