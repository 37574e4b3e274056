using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Steps;

namespace Serving.Compute.Cuda.Launches;

/// <summary>A product of all rows, or of all outputs, with a weight.</summary>
internal sealed class MatmulLaunch(MatmulPlan plan, MatmulWeight weight, ulong input, ulong output, bool ofOutputs) : IStepWork
{
    /// <summary>The weight.</summary>
    public MatmulWeight Weight => weight;

    /// <summary>Into how many parts a step of this size cuts the product's sums.</summary>
    public int SplitsOf(in StepSize size) => plan.SplitsOf(RowsOf(in size));

    /// <inheritdoc/>
    public void Queue(CudaStream stream, in StepSize size)
    {
        var rows = RowsOf(in size);
        if (rows > 0)
        {
            plan.Run(stream, weight.Address, input, output, rows);
        }
    }

    private int RowsOf(in StepSize size) => ofOutputs ? size.Outputs : size.Rows;
}

/// <summary>A weight on the device, as a product reads it.</summary>
/// <param name="Address">Its first row.</param>
/// <param name="Rows">Rows that are multiplied with: outputs.</param>
/// <param name="Stride">Elements from row to row.</param>
internal readonly record struct MatmulWeight(ulong Address, int Rows, int Stride);
