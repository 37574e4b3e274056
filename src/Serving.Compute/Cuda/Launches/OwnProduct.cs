using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;

namespace Serving.Compute.Cuda.Launches;

/// <summary>
/// A product of few rows by the kernel of our own. How its sums are cut depends on the weight alone: into as many planes as keep the multiprocessors busy and leave each plane a run of
/// inputs that is long beside its beginning.
/// </summary>
internal static class OwnProduct
{
    /// <summary>Outputs of a unit of work.</summary>
    private const int UnitOutputs = 128;

    /// <summary>Inputs of a plane at least: eight stages of the kernel's ring, of which it fills three before it begins.</summary>
    private const int MinPlaneInputs = 512;

    /// <summary>Planes of a weight's product: up to <paramref name="most"/>.</summary>
    public static int PlanesOf(int outputs, int inputs, int multiprocessors, int most) =>
        Math.Max(1, Math.Min(most, Math.Min(multiprocessors / Units(outputs), inputs / MinPlaneInputs)));

    /// <summary>The launch, one block per multiprocessor at most: what a block leaves free of its shared memory is for what runs beside it.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="parameters">What it multiplies.</param>
    /// <param name="multiprocessors">Of the device.</param>
    /// <param name="ofOutputs">Whether its rows are the step's outputs.</param>
    public static KernelLaunch<ProductParameters> Launch(StepKernel kernel, ProductParameters parameters, int multiprocessors, bool ofOutputs) =>
        new(kernel, new GridRule(ofOutputs ? GridUnit.IfOutputs : GridUnit.IfRows, Math.Min(multiprocessors, Units(parameters.Outputs) * parameters.Planes)), parameters);

    /// <summary>Floats from plane to plane.</summary>
    public static long PlaneStride(int maxRows, int outputStride) => (long)Math.Min(maxRows, ProductPlanes.FewRows) * outputStride;

    private static int Units(int outputs) => (outputs + UnitOutputs - 1) / UnitOutputs;
}
