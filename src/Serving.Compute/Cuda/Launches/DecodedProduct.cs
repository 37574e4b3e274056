using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// A product with a matrix of integers for steps of any size: slab by slab the matrix is decoded to bf16, and cuBLASLt multiplies with that. A slab's outputs lie side by side with those of the others.
/// </summary>
internal static class DecodedProduct
{
    /// <summary>What is queued.</summary>
    /// <param name="context">Where everything lies.</param>
    /// <param name="kernels">The kernels.</param>
    /// <param name="weight">The matrix's number.</param>
    /// <param name="input">The rows.</param>
    /// <param name="output">Where the product goes.</param>
    /// <param name="elementBytes">Bytes of an element of the product.</param>
    /// <param name="ofOutputs">Whether its rows are the step's outputs.</param>
    /// <param name="planOf">The plan for so many outputs.</param>
    public static IStepWork Create(LaunchContext context, KernelSet kernels, int weight, ulong input, ulong output, int elementBytes, bool ofOutputs, Func<int, MatmulPlan> planOf)
    {
        var spec = context.Program.Weights[weight];
        var kernel = kernels.DequantizeOf(spec.Format);
        var (slab, blocks) = (DecodedSlabs.RowsOf(spec.Rows, spec.Columns, context.DecodedBytes), IntegerStrips.BlocksOf(spec.Columns));
        List<IStepWork> works = [];
        for (var first = 0; first < spec.Rows; first += slab)
        {
            var outputs = Math.Min(slab, spec.Rows - first);
            works.Add(new KernelLaunch<DequantizeParameters>(kernel, new GridRule(ofOutputs ? GridUnit.IfOutputs : GridUnit.IfRows, IntegerStrips.StripsOf(outputs) * blocks), new DequantizeParameters
            {
                Weight = context.Weights.AddressOf(weight) + ((ulong)(first / IntegerStrips.Rows) * (ulong)IntegerStrips.StripBytes(spec.Format, spec.Columns)),
                Output = context.Memory.Decoded.Address,
                Outputs = outputs,
                Inputs = spec.Columns,
                OutputStride = Strides.Of(spec.Columns),
            }));
            works.Add(new MatmulLaunch(planOf(outputs), context.Memory.Decoded.Address, input, output + ((ulong)first * (ulong)elementBytes), ofOutputs));
        }

        return new WorksInTurn(works);
    }
}
