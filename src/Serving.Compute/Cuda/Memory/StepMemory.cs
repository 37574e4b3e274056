using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Memory;

/// <summary>What a step computes in: the program's buffers, scratch of products, adapters and attention, and what is given back.</summary>
internal sealed class StepMemory : IDisposable
{
    private readonly DeviceArena _arena;

    /// <summary>Takes everything for the largest step.</summary>
    public StepMemory(ModelProgram program, StepLayout layout, CudaContext context, CudaStream stream)
    {
        var limits = layout.Limits;
        _arena = new DeviceArena(context, stream);
        Block = _arena.Take(layout.Bytes);
        Buffers = [.. program.Buffers.Select(buffer => TakeBuffer(buffer, limits))];
        var linears = program.Ops.OfType<LinearOp>().ToList();
        Product = _arena.TakeMatrix(limits.MaxRows, linears.Select(op => program.Weights[op.Weight].Rows).DefaultIfEmpty(1).Max(), sizeof(float));
        Partials = _arena.Take(linears.Select(op => PartialFloats(program, op)).DefaultIfEmpty(1).Max() * limits.MaxRows * sizeof(float));
        TokenSlots = _arena.Take((long)layout.Entries.Capacity * ModelShape.PageTokens * sizeof(int));
        States = _arena.Take((long)layout.StateCapacity * program.Shape.HeadCount * (4 + program.Shape.HeadSize) * sizeof(float));
        SampleScratch = _arena.Take(checked((long)limits.MaxOutputs * SampleFloats(program) * sizeof(float)));
        SampledIds = _arena.Take((long)limits.MaxOutputs * sizeof(int));
        Logprobs = _arena.Take((long)limits.MaxOutputs * sizeof(float));
        TopIds = _arena.Take((long)limits.MaxOutputs * SampleRow.MaxTopLogprobs * sizeof(int));
        TopLogprobs = _arena.Take((long)limits.MaxOutputs * SampleRow.MaxTopLogprobs * sizeof(float));
    }

    /// <summary>The step's block on the device.</summary>
    public CudaDeviceBuffer Block { get; }

    /// <summary>The program's buffers, by their numbers.</summary>
    public IReadOnlyList<CudaDeviceBuffer> Buffers { get; }

    /// <summary>A product before its end: fp32 [rows, outputs of a Linear].</summary>
    public CudaDeviceBuffer Product { get; }

    /// <summary>x·Aᵀ by chunks: fp32 [planes][rows][slices][ranks].</summary>
    public CudaDeviceBuffer Partials { get; }

    /// <summary>Slot of every token of the step's sequences.</summary>
    public CudaDeviceBuffer TokenSlots { get; }

    /// <summary>Softmax states of splits.</summary>
    public CudaDeviceBuffer States { get; }

    /// <summary>Logits as they are penalised and sorted out; before that, where logits of several ranks are gathered.</summary>
    public CudaDeviceBuffer SampleScratch { get; }

    /// <summary>Sampled ids: given back, and read by the next step.</summary>
    public CudaDeviceBuffer SampledIds { get; }

    /// <summary>Their logprobs.</summary>
    public CudaDeviceBuffer Logprobs { get; }

    /// <summary>[output, 20].</summary>
    public CudaDeviceBuffer TopIds { get; }

    /// <summary>[output, 20].</summary>
    public CudaDeviceBuffer TopLogprobs { get; }

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();

    /// <summary>Floats of the partial planes of a Linear, per row.</summary>
    private static long PartialFloats(ModelProgram program, LinearOp op)
    {
        var planes = (program.Weights[op.Weight].Columns + LoraParameters.ShrinkChunk - 1) / LoraParameters.ShrinkChunk;
        return (long)planes * op.Slices.Count * LoraParameters.MaxRank;
    }

    /// <summary>Floats of an output's logits; ranks gather parts that are equally wide.</summary>
    private static int SampleFloats(ModelProgram program)
    {
        var vocabulary = program.Shape.VocabularySize;
        var parts = program.Ops.OfType<AllGatherOp>().Select(op => Strides.Of(program.Buffers[op.Input].Columns)).DefaultIfEmpty(vocabulary).Max();
        return Strides.Of((vocabulary + parts - 1) / parts * parts);
    }

    private CudaDeviceBuffer TakeBuffer(ProgramBuffer buffer, StepLimits limits) =>
        _arena.TakeMatrix(
            buffer.Rows == BufferRows.Step ? limits.MaxRows : limits.MaxOutputs,
            buffer.Columns,
            buffer.Element == BufferElement.Float32 ? sizeof(float) : sizeof(ushort));
}
