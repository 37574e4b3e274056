using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>What adapters need of a Linear, on the branch; queued, like its <see cref="BranchJoin"/>, only for steps that have adapters.</summary>
internal sealed class BranchedLaunch(AdapterBranch branch, IStepWork[] works) : IStepWork
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        if (!size.HasAdapters)
        {
            return;
        }

        var beside = branch.Fork(stream);
        foreach (var work in works)
        {
            work.Queue(beside, in size);
        }
    }
}

/// <summary>The end of the branch: what follows reads what was computed on it.</summary>
internal sealed class BranchJoin(AdapterBranch branch) : IStepWork
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
