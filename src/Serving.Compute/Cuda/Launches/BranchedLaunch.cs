using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>A shrink on the branch, or what belongs to it; queued, like its <see cref="BranchJoin"/>, only for steps that have adapters.</summary>
internal sealed class BranchedLaunch(ShrinkBranch branch, IStepWork work) : IStepWork
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        if (size.HasAdapters)
        {
            work.Queue(branch.Fork(stream), in size);
        }
    }
}

/// <summary>The end of the branch: what follows reads what the shrink has written.</summary>
internal sealed class BranchJoin(ShrinkBranch branch) : IStepWork
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        if (size.HasAdapters)
        {
            branch.Join(stream);
        }
    }
}
