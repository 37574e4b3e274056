using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>What a step computes in: the program's buffers, scratch of products, adapters and attention, and what is given back.</summary>
internal sealed class StepMemory : IDisposable
{
    private readonly DeviceArena _arena;

    /// <summary>Takes everything for the largest step.</summary>
    public StepMemory(ModelProgram program, StepLayout layout, long decodedBytes, CudaContext context, CudaStream stream)
    {
        var sizes = new StepSizes(program, layout, decodedBytes);
        _arena = new DeviceArena(context, stream);
        Block = _arena.Take(sizes.Block);
        Buffers = [.. sizes.Buffers.Select(_arena.Take)];
        Product = _arena.Take(sizes.Product);
        Deltas = _arena.Take(sizes.Deltas);
        Partials = _arena.Take(sizes.Partials);
        TokenSlots = _arena.Take(sizes.TokenSlots);
        States = _arena.Take(sizes.States);
        SampleScratch = _arena.Take(sizes.SampleScratch);
        PendingIds = _arena.Take(sizes.PendingIds);
        SampledIds = _arena.Take(sizes.PerOutput);
        Logprobs = _arena.Take(sizes.PerOutput);
        TopIds = _arena.Take(sizes.PerTopToken);
        TopLogprobs = _arena.Take(sizes.PerTopToken);
        Decoded = _arena.Take(Math.Max(1, sizes.Decoded));
        Mixture = program.Mixture is { } mixture ? new MixtureMemory(_arena, mixture, layout.Limits) : null;
    }

    /// <summary>The step's block on the device.</summary>
    public CudaDeviceBuffer Block { get; }

    /// <summary>The program's buffers, by their numbers.</summary>
    public IReadOnlyList<CudaDeviceBuffer> Buffers { get; }

    /// <summary>A product before its end: fp32 [planes][rows, outputs of a Linear].</summary>
    public CudaDeviceBuffer Product { get; }

    /// <summary>v·Bᵀ of a Linear whose end takes rows one by one: fp32 [rows, outputs].</summary>
    public CudaDeviceBuffer Deltas { get; }

    /// <summary>x·Aᵀ by chunks: fp32 [planes][rows][slices][ranks].</summary>
    public CudaDeviceBuffer Partials { get; }

    /// <summary>Slot of every token of the step's sequences.</summary>
    public CudaDeviceBuffer TokenSlots { get; }

    /// <summary>Softmax states of splits.</summary>
    public CudaDeviceBuffer States { get; }

    /// <summary>Logits as they are penalised and sorted out; before that, where logits of several ranks are gathered.</summary>
    public CudaDeviceBuffer SampleScratch { get; }

    /// <summary>By row, the id that it was fed from the step before, or −1: what sampling counts beside the penalties' entries.</summary>
    public CudaDeviceBuffer PendingIds { get; }

    /// <summary>Sampled ids: given back, and read by the next step.</summary>
    public CudaDeviceBuffer SampledIds { get; }

    /// <summary>Their logprobs.</summary>
    public CudaDeviceBuffer Logprobs { get; }

    /// <summary>[output, 20].</summary>
    public CudaDeviceBuffer TopIds { get; }

    /// <summary>[output, 20].</summary>
    public CudaDeviceBuffer TopLogprobs { get; }

    /// <summary>A slab of a matrix of integers as bf16, by a product that is next to read it.</summary>
    public CudaDeviceBuffer Decoded { get; }

    /// <summary>Which experts rows chose; null for a model without experts.</summary>
    public MixtureMemory? Mixture { get; }

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();
}
