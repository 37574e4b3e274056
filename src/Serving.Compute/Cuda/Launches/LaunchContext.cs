using System.Runtime.InteropServices;
using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>Where everything lies that launches point to.</summary>
/// <param name="Program">The model.</param>
/// <param name="Pool">The pool.</param>
/// <param name="Weights">Weights and rotary table.</param>
/// <param name="Pages">The arena of pages.</param>
/// <param name="Adapters">What is bound to which slot.</param>
/// <param name="Layout">Where arrays lie in the step's block.</param>
/// <param name="Memory">What a step computes in.</param>
/// <param name="PlainKernels">Leave tensor cores alone.</param>
internal sealed record LaunchContext(
    ModelProgram Program, PoolShape Pool, DeviceWeights Weights, CudaDeviceBuffer Pages, AdapterTable Adapters, StepLayout Layout, StepMemory Memory, bool PlainKernels)
{
    /// <summary>Blocks that are resident at once, two per multiprocessor: what persistent kernels are launched with.</summary>
    public int ResidentBlocks => 2 * Pages.Context.Device.Multiprocessors;

    /// <summary>Where an array of the step's block lies on the device.</summary>
    public ulong AddressOf(BlockSection section) => Memory.Block.Address + (ulong)section.Offset;

    /// <summary>Where a field of the <see cref="StepHeader"/> lies on the device.</summary>
    public ulong CountAddress(string field) => AddressOf(Layout.Header) + (ulong)Marshal.OffsetOf<StepHeader>(field);
}
