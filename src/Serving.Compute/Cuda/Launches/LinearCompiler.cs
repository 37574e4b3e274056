using Serving.Compute.Backends;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// Products with weights. A Linear with nothing behind it is cuBLASLt's alone; any other leaves its product in fp32, and a kernel adds bias and deltas and
/// rounds or accumulates, so that a row has one arithmetic whether or not its step has adapters.
/// </summary>
internal sealed class LinearCompiler(LaunchContext context, KernelSet kernels, ProductCompiler products, CollectiveCompiler collectives, List<IStepWork> works)
{
    private readonly LinearEndCompiler _ends = new(context, kernels);
    private int _site;

    /// <summary>Adds a Linear.</summary>
    /// <param name="op">The Linear.</param>
    /// <param name="next">The op behind it that its end does too; null for none.</param>
    public void Add(LinearOp op, ProgramOp? next)
    {
        var bare = op.Slices.Count == 0 && op.Bias is null && products.MayBeBare(op);
        if (bare && op.Mode != LinearOutput.Accumulate)
        {
            works.Add(products.Bare(op));
            return;
        }

        if (op.Slices.Count > LoraParameters.MaxSlices)
        {
            throw new ComputeException($"A Linear has {op.Slices.Count} LoRA slices, the CUDA kernels take {LoraParameters.MaxSlices}.");
        }

        // A kept product is finished in place.
        var output = op.Mode is LinearOutput.Keep or LinearOutput.Partial ? context.AddressOf(op.Output) : context.Memory.Product.Address;
        var stride = Strides.Of(context.Program.Weights[op.Weight].Rows);
        var whole = products.Whole(op, output, stride);
        var few = products.Few(op, output, stride, next is RmsNormOp ? ProductPlanes.MostNormed : ProductPlanes.Most);

        var lora = LoraOf(op);
        List<IStepWork> ofAdapters = [];
        if (op.Slices.Count > 0)
        {
            ofAdapters.Add(Shrink(op, lora, leavesRoom: few is { IsOwn: true }));
            lora = collectives.SumShrunk(lora, ofAdapters);
        }

        var end = new LinearEnd(op, next, lora, output, stride, whole.PlaneStride, whole.Planes);
        ofAdapters.AddRange(_ends.Before(end));
        var multiply = few is null ? whole.Work : new LaunchByRows(few.Work, whole.Work, ProductPlanes.FewRows);
        works.AddRange(context.Branch is { } branch && ofAdapters.Count > 0
            ? [new BranchedLaunch(branch, [.. ofAdapters]), multiply, new BranchJoin(branch)]
            : [.. ofAdapters, multiply]);
        var endOfFew = few is null ? end : end with { Product = few.Output, PlaneStride = few.PlaneStride, Planes = few.Planes };
        if (op.Slices.Count > 0 && context.Ranks is null)
        {
            works.Add(new LaunchByRows(_ends.Scaled(endOfFew), _ends.Scaled(end), ProductPlanes.FewRows));
        }

        works.Add(new LaunchByRows(_ends.OfFew(endOfFew), _ends.Of(end), ProductPlanes.FewRows));
    }

    /// <summary>Adds the logits.</summary>
    public void Add(LogitsOp op) => works.Add(products.Logits(op));

    /// <summary>The shrink; beside a product that leaves half of every multiprocessor's shared memory, one block on each, so that both are resident.</summary>
    private IStepWork Shrink(LinearOp op, LoraParameters lora, bool leavesRoom)
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
        if (context.PlainKernels)
        {
            return new KernelLaunch<ShrinkParameters>(kernels.ShrinkPlain, new GridRule(GridUnit.AdapterRows), parameters);
        }

        var all = Of(context.ResidentBlocks);
        return leavesRoom ? new LaunchByRows(Of(context.ResidentBlocks / 2), all, ProductPlanes.FewRows) : all;

        KernelLaunch<ShrinkParameters> Of(int blocks) => new(kernels.Shrink, new GridRule(GridUnit.IfAdapters, blocks), parameters);
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
