using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>A kernel with its parameters.</summary>
internal sealed class KernelLaunch<T>(StepKernel kernel, GridRule grid, T parameters) : IStepWork
    where T : unmanaged
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        var blocks = grid.For(in size);
        if (blocks.X > 0)
        {
            kernel.Kernel.Launch(stream, blocks, kernel.Threads, kernel.SharedBytes, in parameters);
        }
    }
}
