using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// Products with weights. A Linear with nothing behind it is cuBLASLt's alone; any other leaves its product in fp32, and a kernel adds bias and deltas and
/// rounds or accumulates, so that a row has one arithmetic whether or not its step has adapters.
/// </summary>
internal sealed class LinearCompiler(LaunchContext context, KernelSet kernels, MatmulPlans plans, List<IStepWork> works)
{
    /// <summary>Columns that a block of the plain finishing kernel takes.</summary>
    private const int PlainColumns = 512;

    /// <summary>Columns of a slice that a block of the finishing kernel takes.</summary>
    private const int SliceColumns = 256;

    private int _site;

    /// <summary>Adds a Linear.</summary>
    public void Add(LinearOp op)
    {
        var bare = op.Slices.Count == 0 && op.Bias is null;
        if (bare && op.Mode != LinearOutput.Accumulate)
        {
            Add(op.Weight, op.Input, context.Memory.Buffers[op.Output].Address, Stride(op.Output), op.Mode == LinearOutput.Round ? CudaDataType.BFloat16 : CudaDataType.Float32, ofOutputs: false);
            return;
        }

        if (op.Slices.Count > LoraParameters.MaxSlices)
        {
            throw new ComputeException($"A Linear has {op.Slices.Count} LoRA slices, the CUDA kernels take {LoraParameters.MaxSlices}.");
        }

        var lora = LoraOf(op);
        if (op.Slices.Count > 0)
        {
            AddShrink(op, lora);
        }

        // A kept product is finished in place.
        var product = op.Mode == LinearOutput.Keep ? context.Memory.Buffers[op.Output].Address : context.Memory.Product.Address;
        var stride = Strides.Of(context.Program.Weights[op.Weight].Rows);
        Add(op.Weight, op.Input, product, stride, CudaDataType.Float32, ofOutputs: false);
        AddFinish(op, lora, product, stride);
    }

    /// <summary>Adds the logits: a product of the output rows, kept in fp32.</summary>
    public void Add(LogitsOp op) => Add(op.Weight, op.Input, context.Memory.Buffers[op.Output].Address, Stride(op.Output), CudaDataType.Float32, ofOutputs: true);

    private void Add(int weight, int input, ulong output, int outputStride, CudaDataType type, bool ofOutputs)
    {
        var spec = context.Program.Weights[weight];
        var plan = plans.Get(spec.Rows, spec.Columns, outputStride, type);
        works.Add(new MatmulLaunch(plan, context.Weights.AddressOf(weight), context.Memory.Buffers[input].Address, output, ofOutputs));
    }

    private void AddShrink(LinearOp op, LoraParameters lora)
    {
        var parameters = new ShrinkParameters
        {
            Lora = lora,
            Input = context.Memory.Buffers[op.Input].Address,
            RowSlots = context.AddressOf(context.Layout.RowSlots),
            RowCount = context.CountAddress(nameof(StepHeader.RowCount)),
            Tiles = context.AddressOf(context.Layout.Tiles),
            Items = context.AddressOf(context.Layout.ShrinkItems),
            ItemRange = context.AddressOf(context.Layout.ShrinkRanges) + (ulong)(_site++ * context.Layout.ShrinkRanges.ElementBytes),
            InputStride = Stride(op.Input),
        };
        works.Add(context.PlainKernels
            ? new KernelLaunch<ShrinkParameters>(kernels.ShrinkPlain, new GridRule(GridUnit.AdapterRows), parameters)
            : new KernelLaunch<ShrinkParameters>(kernels.Shrink, new GridRule(GridUnit.IfAdapters, context.ResidentBlocks), parameters));
    }

    private void AddFinish(LinearOp op, LoraParameters lora, ulong product, int productStride)
    {
        var columns = context.Program.Weights[op.Weight].Rows;
        var parameters = new FinishParameters
        {
            Lora = lora,
            Product = product,
            Bias = context.Weights.AddressOf(op.Bias),
            Output = context.Memory.Buffers[op.Output].Address,
            RowSlots = context.AddressOf(context.Layout.RowSlots),
            RowCount = context.CountAddress(nameof(StepHeader.RowCount)),
            Tiles = context.AddressOf(context.Layout.Tiles),
            TileRange = context.CountAddress(nameof(StepHeader.Tiles)),
            Columns = columns,
            ProductStride = productStride,
            OutputStride = Stride(op.Output),
            Mode = (int)op.Mode,
        };

        // The tiled kernel walks slices: it needs them to cover all columns, as those of a model do.
        var covered = op.Slices.Count == 0 || op.Slices.Sum(slice => slice.OutputWidth) == columns;
        var units = op.Slices.Count == 0 ? Blocks(columns, SliceColumns) : op.Slices.Sum(slice => Blocks(slice.OutputWidth, SliceColumns));
        works.Add(context.PlainKernels || !covered
            ? new KernelLaunch<FinishParameters>(kernels.FinishPlain, new GridRule(GridUnit.Rows, Blocks(columns, PlainColumns)), parameters)
            : new KernelLaunch<FinishParameters>(kernels.Finish, new GridRule(GridUnit.Tiles, Y: units), parameters));
    }

    private static int Blocks(int columns, int perBlock) => (columns + perBlock - 1) / perBlock;

    private LoraParameters LoraOf(LinearOp op)
    {
        var parameters = new LoraParameters
        {
            Pages = context.Pages.Address,
            Bindings = context.Adapters.Bindings.Address,
            Runs = context.Adapters.Runs.Address,
            Partials = context.Memory.Partials.Address,
            PlaneStride = (ulong)context.Layout.Limits.MaxRows * (ulong)op.Slices.Count * LoraParameters.MaxRank,
            RowStride = op.Slices.Count * LoraParameters.MaxRank,
            RankStride = LoraParameters.MaxRank,
            InputWidth = context.Program.Weights[op.Weight].Columns,
            CellsPerPage = context.Adapters.CellsPerPage,
            ModelSlices = context.Program.Slices.Count,
            FirstSlice = op.Slices.Count > 0 ? op.Slices[0].Index : 0,
            SliceCount = op.Slices.Count,
        };
        for (var i = 0; i < op.Slices.Count; i++)
        {
            parameters.OutputOffset[i] = op.Slices[i].OutputOffset;
            parameters.OutputWidth[i] = op.Slices[i].OutputWidth;
        }

        return parameters;
    }

    private int Stride(int buffer) => Strides.Of(context.Program.Buffers[buffer].Columns);
}
