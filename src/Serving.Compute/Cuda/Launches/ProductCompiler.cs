using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>A product as it is launched.</summary>
/// <param name="Work">What is queued.</param>
/// <param name="Output">Where its first plane lies.</param>
/// <param name="Planes">Planes that it comes in.</param>
/// <param name="PlaneStride">Floats from plane to plane.</param>
/// <param name="IsOwn">Whether the kernel of our own does it.</param>
internal sealed record CompiledProduct(IStepWork Work, ulong Output, int Planes, long PlaneStride, bool IsOwn = false);

/// <summary>
/// The ways to multiply with a weight: cuBLASLt for steps of any size, cut or whole; the kernel of our own for few rows, where it was chosen. Matrices of integers are decoded for the one and read as
/// they are by the other.
/// </summary>
internal sealed class ProductCompiler(LaunchContext context, KernelSet kernels, MatmulPlans plans, ProductChoices choices)
{
    private int Multiprocessors => context.Pages.Context.Device.Multiprocessors;

    /// <summary>A product that is all there is to its Linear, rounded to bf16 or kept in fp32.</summary>
    public IStepWork Bare(LinearOp op) => ByLibrary(op, context.AddressOf(op.Output), context.StrideOf(op.Output), op.Mode == LinearOutput.Round ? CudaDataType.BFloat16 : CudaDataType.Float32).Work;

    /// <summary>Whether a Linear may be a product and nothing else. One over integers has a product in fp32 and an end, so that few rows can be multiplied otherwise.</summary>
    public bool MayBeBare(LinearOp op) => context.Program.Weights[op.Weight].Format == WeightFormat.BFloat16;

    /// <summary>A Linear's product for steps of any size.</summary>
    /// <param name="op">The Linear.</param>
    /// <param name="output">Where it goes.</param>
    /// <param name="stride">Elements from row to row.</param>
    public CompiledProduct Whole(LinearOp op, ulong output, int stride) => ByLibrary(op, output, stride, CudaDataType.Float32, context.CutsAlways ? PlanesOf(op) : 1);

    /// <summary>The same for steps of few rows; null where it is no other.</summary>
    /// <param name="op">The Linear.</param>
    /// <param name="output">Where it goes by itself.</param>
    /// <param name="stride">Elements from row to row.</param>
    /// <param name="mostPlanes">Planes that the end adds up.</param>
    public CompiledProduct? Few(LinearOp op, ulong output, int stride, int mostPlanes)
    {
        if (context.CutsAlways || IsChosenAlike(op))
        {
            return null;
        }

        var spec = context.Program.Weights[op.Weight];
        var own = OwnProduct.PlanesOf(spec.Rows, spec.Columns, Multiprocessors, op.Mode == LinearOutput.Partial ? 1 : mostPlanes);

        // A kept product lies where the Linear's output does, which has no room for planes.
        var to = own > 1 ? context.Memory.Product.Address : output;
        var parameters = Parameters(op, to, stride, own);
        if (spec.Format != WeightFormat.BFloat16)
        {
            return choices.KernelOf(spec.Format) is { } reader ? Own(reader) : null;
        }

        var planes = PlanesOf(op);
        var plan = PlanOf(op, spec.Rows, stride, CudaDataType.Float32, planes);
        if (choices.Kernel is { } kernel && choices.IsOwn(parameters, plan, WeightsLike(spec), context.Layout.Limits.MaxRows))
        {
            return Own(kernel);
        }

        return planes > 1 ? ByLibrary(op, output, stride, CudaDataType.Float32, planes) : null;

        CompiledProduct Own(StepKernel kernel) =>
            new(OwnProduct.Launch(kernel, parameters, Multiprocessors, ofOutputs: false), to, own, (long)parameters.PlaneStride, IsOwn: true);
    }

    /// <summary>The logits: a product of the output rows, kept in fp32.</summary>
    public IStepWork Logits(LogitsOp op)
    {
        var spec = context.Program.Weights[op.Weight];
        var rows = Math.Min(context.Program.Buffers[op.Output].Columns, spec.Rows - op.FirstRow);
        var stride = context.StrideOf(op.Output);
        var weight = context.Weights.AddressOf(op.Weight) + ((ulong)op.FirstRow * (ulong)context.Weights.StrideOf(op.Weight) * sizeof(ushort));
        var parameters = new ProductParameters
        {
            Weight = weight,
            Input = context.AddressOf(op.Input),
            Output = context.AddressOf(op.Output),
            RowCount = context.CountAddress(nameof(Steps.StepHeader.OutputCount)),
            Outputs = rows,
            Inputs = spec.Columns,
            Planes = 1,
            WeightStride = context.Weights.StrideOf(op.Weight),
            InputStride = context.StrideOf(op.Input),
            OutputStride = stride,
        };
        if (spec.Format != WeightFormat.BFloat16)
        {
            var decoded = DecodedProduct.Create(context, kernels, op.Weight, parameters.Input, parameters.Output, sizeof(float), ofOutputs: true, outputs => plans.Get(outputs, spec.Columns, stride, CudaDataType.Float32));
            return choices.KernelOf(spec.Format) is { } reader ? ByOutputs(reader, decoded) : decoded;
        }

        var plan = plans.Get(rows, spec.Columns, stride, CudaDataType.Float32);
        var product = new MatmulLaunch(plan, weight, parameters.Input, parameters.Output, ofOutputs: true);
        return choices.Kernel is { } kernel && choices.IsOwn(parameters, plan, [weight], context.Layout.Limits.MaxOutputs) ? ByOutputs(kernel, product) : product;

        LaunchByRows ByOutputs(StepKernel own, IStepWork many) => new(OwnProduct.Launch(own, parameters, Multiprocessors, ofOutputs: true), many, ProductPlanes.FewRows, ofOutputs: true);
    }

    /// <summary>
    /// Whether every rank of several must find the same bits: what chooses experts is computed by each for itself. Which kernel is the faster is measured, and two ranks' clocks need not agree.
    /// </summary>
    private bool IsChosenAlike(LinearOp op) => context.Ranks is not null && context.Program.IsRouter(op);

    private ProductParameters Parameters(LinearOp op, ulong output, int stride, int planes) => new()
    {
        Weight = context.Weights.AddressOf(op.Weight),
        Input = context.AddressOf(op.Input),
        Output = output,
        RowCount = context.CountAddress(nameof(Steps.StepHeader.RowCount)),
        PlaneStride = (ulong)OwnProduct.PlaneStride(context.Layout.Limits.MaxRows, stride),
        Outputs = context.Program.Weights[op.Weight].Rows,
        Inputs = context.Program.Weights[op.Weight].Columns,
        Planes = planes,
        WeightStride = context.Weights.StrideOf(op.Weight),
        InputStride = context.StrideOf(op.Input),
        OutputStride = stride,
    };

    private CompiledProduct ByLibrary(LinearOp op, ulong output, int stride, CudaDataType type, int planes = 1) => new(
        context.Program.Weights[op.Weight] is { Format: WeightFormat.BFloat16 } spec
            ? new MatmulLaunch(PlanOf(op, spec.Rows, stride, type, planes), context.Weights.AddressOf(op.Weight), context.AddressOf(op.Input), output, ofOutputs: false)
            : DecodedProduct.Create(context, kernels, op.Weight, context.AddressOf(op.Input), output, sizeof(float), ofOutputs: false, outputs => PlanOf(op, outputs, stride, type, planes)),
        output,
        planes,
        LibraryStride(stride));

    private MatmulPlan PlanOf(LinearOp op, int outputs, int stride, CudaDataType type, int planes) =>
        plans.Get(outputs, context.Program.Weights[op.Weight].Columns, stride, type, planes, planes > 1 ? LibraryStride(stride) : 0);

    private long LibraryStride(int stride) => (long)context.Layout.Limits.MaxRows * stride;

    /// <summary>Planes of cuBLASLt's product. One that is kept, for other ranks' parts to be added, is a single one.</summary>
    private int PlanesOf(LinearOp op) => op.Mode == LinearOutput.Accumulate
        ? ProductPlanes.Of(context.Program.Weights[op.Weight].Rows, context.Program.Weights[op.Weight].Columns, Multiprocessors)
        : 1;

    private List<ulong> WeightsLike(WeightSpec spec) =>
        [.. context.Program.Weights.Index().Where(weight => weight.Item.Kind == spec.Kind && weight.Item.Format == spec.Format && weight.Item.Rows == spec.Rows && weight.Item.Columns == spec.Columns).Select(weight => context.Weights.AddressOf(weight.Index))];
}
