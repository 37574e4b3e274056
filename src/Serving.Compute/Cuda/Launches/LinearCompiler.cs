using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// Products with weights. A Linear with nothing behind it is cuBLASLt's alone; any other leaves its product in fp32, and a kernel adds bias and deltas and
/// rounds or accumulates, so that a row has one arithmetic whether or not its step has adapters.
/// </summary>
internal sealed class LinearCompiler(LaunchContext context, KernelSet kernels, MatmulPlans plans, CollectiveCompiler collectives, List<IStepWork> works)
{
    private readonly LinearEndCompiler _ends = new(context, kernels);
    private int _site;

    /// <summary>Adds a Linear.</summary>
    /// <param name="op">The Linear.</param>
    /// <param name="next">The op behind it that its end does too; null for none.</param>
    public void Add(LinearOp op, ProgramOp? next)
    {
        var bare = op.Slices.Count == 0 && op.Bias is null;
        if (bare && op.Mode != LinearOutput.Accumulate)
        {
            works.Add(Product(op, context.AddressOf(op.Output), context.StrideOf(op.Output), op.Mode == LinearOutput.Round ? CudaDataType.BFloat16 : CudaDataType.Float32));
            return;
        }

        if (op.Slices.Count > LoraParameters.MaxSlices)
        {
            throw new ComputeException($"A Linear has {op.Slices.Count} LoRA slices, the CUDA kernels take {LoraParameters.MaxSlices}.");
        }

        var lora = LoraOf(op);
        List<IStepWork> ofAdapters = [];
        if (op.Slices.Count > 0)
        {
            ofAdapters.Add(Shrink(op, lora));
            lora = collectives.SumShrunk(lora, ofAdapters);
        }

        // A kept product is finished in place.
        var product = op.Mode is LinearOutput.Keep or LinearOutput.Partial ? context.AddressOf(op.Output) : context.Memory.Product.Address;
        var stride = Strides.Of(context.Program.Weights[op.Weight].Rows);
        var end = new LinearEnd(op, next, lora, product, stride);
        ofAdapters.AddRange(_ends.Before(end));
        var (multiply, finish) = ProductAndEnd(end);
        works.AddRange(context.Branch is { } branch && ofAdapters.Count > 0
            ? [new BranchedLaunch(branch, [.. ofAdapters]), multiply, new BranchJoin(branch)]
            : [.. ofAdapters, multiply]);
        works.Add(finish);
    }

    /// <summary>Adds the logits: a product of the output rows, kept in fp32.</summary>
    public void Add(LogitsOp op)
    {
        var spec = context.Program.Weights[op.Weight];
        var rows = Math.Min(context.Program.Buffers[op.Output].Columns, spec.Rows - op.FirstRow);
        var plan = plans.Get(rows, spec.Columns, context.StrideOf(op.Output), CudaDataType.Float32);
        var first = (ulong)op.FirstRow * (ulong)context.Weights.StrideOf(op.Weight) * sizeof(ushort);
        works.Add(new MatmulLaunch(plan, context.Weights.AddressOf(op.Weight) + first, context.AddressOf(op.Input), context.AddressOf(op.Output), ofOutputs: true));
    }

    /// <summary>A product and its end: of one plane, of two, or of two where a step has few rows.</summary>
    private (IStepWork Multiply, IStepWork Finish) ProductAndEnd(LinearEnd end)
    {
        var planes = PlanesOf(end.Op);
        var cut = Of(planes);
        if (planes == 1 || context.CutsAlways)
        {
            return cut;
        }

        var whole = Of(1);
        return (new LaunchByRows(cut.Multiply, whole.Multiply, ProductPlanes.MaxRows), new LaunchByRows(cut.Finish, whole.Finish, ProductPlanes.MaxRows));

        (IStepWork Multiply, IStepWork Finish) Of(int count) =>
            (Product(end.Op, end.Product, end.ProductStride, CudaDataType.Float32, count), _ends.Of(end with { Planes = count }));
    }

    /// <summary>A product that is kept, for other ranks' parts to be added, is a single one.</summary>
    private int PlanesOf(LinearOp op) => op.Mode == LinearOutput.Accumulate
        ? ProductPlanes.Of(context.Program.Weights[op.Weight].Rows, context.Program.Weights[op.Weight].Columns, context.Pages.Context.Device.Multiprocessors)
        : 1;

    private MatmulLaunch Product(LinearOp op, ulong output, int outputStride, CudaDataType type, int planes = 1)
    {
        var spec = context.Program.Weights[op.Weight];
        var plan = plans.Get(spec.Rows, spec.Columns, outputStride, type, planes, planes > 1 ? (long)context.Layout.Limits.MaxRows * outputStride : 0);
        return new MatmulLaunch(plan, context.Weights.AddressOf(op.Weight), context.AddressOf(op.Input), output, ofOutputs: false);
    }

    private KernelLaunch<ShrinkParameters> Shrink(LinearOp op, LoraParameters lora)
    {
        var parameters = new ShrinkParameters
        {
            Lora = lora,
            Input = context.AddressOf(op.Input) + ((ulong)op.Slices[0].InputOffset * sizeof(ushort)),
            RowSlots = context.AddressOf(context.Layout.RowSlots),
            RowCount = context.CountAddress(nameof(Steps.StepHeader.RowCount)),
            Items = context.AddressOf(context.Layout.ShrinkItems),
            ItemRange = context.AddressOf(context.Layout.ShrinkRanges) + (ulong)(_site++ * context.Layout.ShrinkRanges.ElementBytes),
            InputStride = context.StrideOf(op.Input),
        };
        return context.PlainKernels
            ? new KernelLaunch<ShrinkParameters>(kernels.ShrinkPlain, new GridRule(GridUnit.AdapterRows), parameters)
            : new KernelLaunch<ShrinkParameters>(kernels.Shrink, new GridRule(GridUnit.IfAdapters, context.ResidentBlocks), parameters);
    }

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
            InputWidth = op.Slices.Count > 0 ? op.Slices[0].InputWidth : 0,
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
}
