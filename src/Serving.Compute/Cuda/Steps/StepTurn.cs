using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Steps;

/// <summary>What belongs to one step under way: its block in pinned memory, where its results arrive, and the mark of its end.</summary>
internal sealed class StepTurn : IDisposable
{
    /// <summary>Takes the memory.</summary>
    public StepTurn(StepLayout layout, StepMemory memory, CudaContext context)
    {
        Block = CudaPinnedBuffer.Allocate(context, layout.Bytes);
        Readback = new StepReadback(memory, layout.Limits, context);
        Ended = CudaEvent.Create(context);
    }

    /// <summary>The step's inputs.</summary>
    public CudaPinnedBuffer Block { get; }

    /// <summary>The step's results.</summary>
    public StepReadback Readback { get; }

    /// <summary>Passed when the results have arrived.</summary>
    public CudaEvent Ended { get; }

    /// <summary>Where the results go; null when no step has this turn.</summary>
    public StepOutputs? Outputs { get; set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Block.Dispose();
        Readback.Dispose();
        Ended.Dispose();
    }
}
