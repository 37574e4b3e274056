using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>Works that are one: queued one after the other.</summary>
internal sealed class WorksInTurn(IReadOnlyList<IStepWork> works) : IStepWork
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        foreach (var work in works)
        {
            work.Queue(stream, in size);
        }
    }
}
