using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Steps;

/// <summary>What belongs to one step under way: its block in pinned memory, where its results arrive, and the mark of its end.</summary>
internal sealed class StepTurn : IDisposable
{
    /// <summary>
    /// Times that a wait asks before it gives the processor away. A thread that sleeps is woken by an interrupt, 20 to 50 µs late; asking takes about a microsecond. Asking
    /// for as long as the lateness is never costs more than twice the better of the two. A step of a large model takes milliseconds, and the next one is queued behind
    /// it already: what the sleeper is late by is not the device's time.
    /// </summary>
    private const int Polls = 32;

    /// <summary>Takes the memory.</summary>
    public StepTurn(ModelProgram program, StepLayout layout, StepMemory memory, CudaContext context)
    {
        Block = CudaPinnedBuffer.Allocate(context, layout.Bytes);
        Readback = new StepReadback(memory, program, layout.Limits, context);
        Ended = CudaEvent.Create(context, blocking: true);
    }

    /// <summary>The step's inputs.</summary>
    public CudaPinnedBuffer Block { get; }

    /// <summary>The step's results.</summary>
    public StepReadback Readback { get; }

    /// <summary>Passed when the results have arrived.</summary>
    public CudaEvent Ended { get; }

    /// <summary>Where the results go; null when no step has this turn.</summary>
    public StepOutputs? Outputs { get; set; }

    /// <summary>How much there is to sample, while the step waits for masks; null when it does not.</summary>
    public StepSize? Unsampled { get; set; }

    /// <summary>Waits until the results have arrived.</summary>
    public void AwaitEnd()
    {
        for (var i = 0; i < Polls; i++)
        {
            if (Ended.IsDone())
            {
                return;
            }
        }

        Ended.Synchronize();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Block.Dispose();
        Readback.Dispose();
        Ended.Dispose();
    }
}
