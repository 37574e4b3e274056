using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>Rows of all ranks summed, or gathered into a plane per rank. The ranks run the same steps, so that all of them queue the same.</summary>
/// <param name="communicator">The way to the other ranks.</param>
/// <param name="gathers">Gather instead of summing.</param>
/// <param name="unit">What rows are counted by.</param>
/// <param name="rowFloats">Floats of a row, padding included.</param>
/// <param name="send">This rank's rows.</param>
/// <param name="receive">Where the sums or planes go.</param>
internal sealed class CollectiveLaunch(NcclCommunicator communicator, bool gathers, GridUnit unit, int rowFloats, ulong send, ulong receive) : IStepWork
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        var count = (long)new GridRule(unit).For(in size).X * rowFloats;
        if (count > 0 && gathers)
        {
            communicator.AllGather(stream, send, receive, count);
        }
        else if (count > 0)
        {
            communicator.AllReduce(stream, send, receive, count);
        }
    }
}

/// <summary>A kernel that reads what a <see cref="CollectiveLaunch"/> has gathered: planes lie as far apart as the step has rows.</summary>
/// <param name="kernel">The kernel.</param>
/// <param name="unit">What rows are counted by.</param>
/// <param name="blocksPerRow">Blocks of a row.</param>
/// <param name="rowFloats">Floats of a row of a plane.</param>
/// <param name="parameters">Everything but the distance of the planes.</param>
internal sealed class PlanesLaunch<T>(StepKernel kernel, GridUnit unit, int blocksPerRow, int rowFloats, T parameters) : IStepWork
    where T : unmanaged, IGatheredPlanes
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        var rows = new GridRule(unit).For(in size).X;
        if (rows > 0)
        {
            var sized = parameters;
            sized.SetPlaneStride((ulong)rows * (ulong)rowFloats);
            kernel.Kernel.Launch(stream, new CudaGrid(rows * blocksPerRow), kernel.Threads, kernel.SharedBytes, in sized);
        }
    }
}
