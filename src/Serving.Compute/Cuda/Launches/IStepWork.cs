using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>One thing that a step queues: a kernel or a product. Its addresses are fixed when the pool is taken, so that it can be recorded into a graph.</summary>
internal interface IStepWork
{
    /// <summary>Queues it for a step of this size.</summary>
    void Queue(CudaStream stream, in StepSize size);
}
