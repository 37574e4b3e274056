using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>A kernel with the block that native/cuda/params.h gives it.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
/// <param name="WaitsByItself">It waits for what the kernels before it write (ptx::await_producers), and may be launched before they have ended.</param>
internal sealed record StepKernel(CudaKernel Kernel, int Threads, int SharedBytes, bool WaitsByItself = false);
