using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>A kernel with its parameters.</summary>
/// <param name="kernel">The kernel.</param>
/// <param name="grid">Its blocks.</param>
/// <param name="parameters">Its struct.</param>
/// <param name="joins">It stands behind a branch where a step has adapters, and then has more than one kernel to wait for before it begins.</param>
internal sealed class KernelLaunch<T>(StepKernel kernel, GridRule grid, T parameters, bool joins = false) : IStepWork
    where T : unmanaged
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        var blocks = grid.For(in size);
        if (blocks.X > 0)
        {
            kernel.Kernel.Launch(stream, blocks, kernel.Threads, kernel.SharedBytes, in parameters, kernel.WaitsByItself && !(joins && size.HasAdapters));
        }
    }
}
