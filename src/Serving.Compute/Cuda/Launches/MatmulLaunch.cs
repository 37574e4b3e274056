using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>A product of all rows, or of all outputs, with a weight.</summary>
internal sealed class MatmulLaunch(MatmulPlan plan, ulong weight, ulong input, ulong output, bool ofOutputs) : IStepWork
{
    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        var rows = ofOutputs ? size.Outputs : size.Rows;
        if (rows > 0)
        {
            plan.Run(stream, weight, input, output, rows);
        }
    }
}
