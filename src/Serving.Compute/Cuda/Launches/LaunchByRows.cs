using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>One work for steps of up to so many rows, or outputs, another for larger ones, or none for either.</summary>
internal sealed class LaunchByRows(IStepWork? few, IStepWork? many, int mostRows, bool ofOutputs = false) : IStepWork
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size) => ((ofOutputs ? size.Outputs : size.Rows) <= mostRows ? few : many)?.Queue(stream, in size);
}
