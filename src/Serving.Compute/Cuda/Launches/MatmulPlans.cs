using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Memory;

namespace Serving.Compute.Cuda.Launches;

/// <summary>One plan for every shape of product that a program has.</summary>
/// <param name="blas">cuBLASLt.</param>
/// <param name="maxRows">Most rows of a step.</param>
/// <param name="pinned">One algorithm per shape, whatever the number of rows.</param>
internal sealed class MatmulPlans(CublasLt blas, int maxRows, bool pinned) : IDisposable
{
    private readonly Dictionary<(int Outputs, int Inputs, int OutputStride, CudaDataType Type, int Parts, long PlaneStride), MatmulPlan> _plans = [];

    /// <summary>The plan of y[rows, outputs] = x[rows, inputs] · w[outputs, inputs]ᵀ, or of parts of it, <paramref name="planeStride"/> elements from each other.</summary>
    public MatmulPlan Get(int outputs, int inputs, int outputStride, CudaDataType type, int parts = 1, long planeStride = 0)
    {
        var key = (outputs, inputs, outputStride, type, parts, planeStride);
        if (!_plans.TryGetValue(key, out var plan))
        {
            var stride = Strides.Of(inputs);
            var description = new MatmulDescription(blas, outputs, inputs, stride, stride, outputStride, type, parts, planeStride);
            try
            {
                _plans[key] = plan = new MatmulPlan(description, maxRows, pinned);
            }
            catch
            {
                description.Dispose();
                throw;
            }
        }

        return plan;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var plan in _plans.Values)
        {
            plan.Dispose();
        }
    }
}
