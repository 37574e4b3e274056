using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Kernels;

/// <summary>A kernel with the block that native/cuda/params.h gives it.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
/// <param name="WaitsByItself">It waits for what the kernels before it write (ptx::await_producers), and may be launched before they have ended.</param>
internal sealed record StepKernel(CudaKernel Kernel, int Threads, int SharedBytes, bool WaitsByItself = false)
{
    private const int WarpThreads = 32;

    /// <summary>Columns of a row that a warp of a norm takes at a time, four to a thread.</summary>
    private const int WarpColumns = 4 * WarpThreads;

    /// <summary>This kernel, which norms rows, for rows of so many columns: without the warps that would own none. Their sums are zeros, which change no bit of the others'.</summary>
    public StepKernel Norming(int columns) => this with { Threads = NormThreads(Threads, columns) };

    /// <summary>Threads of a norm's block: whole warps, and <paramref name="most"/> for rows that are wide enough for them.</summary>
    public static int NormThreads(int most, int columns) => Math.Min(most, (columns + WarpColumns - 1) / WarpColumns * WarpThreads);
}
