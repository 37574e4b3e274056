using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Memory;

/// <summary>What a rank exchanges with the others beside the program's buffers.</summary>
internal sealed class RankMemory : IDisposable
{
    private readonly DeviceArena _arena;

    /// <summary>Takes everything for the largest step.</summary>
    /// <param name="program">The rank's program.</param>
    /// <param name="limits">The largest step.</param>
    /// <param name="ranks">How many there are.</param>
    /// <param name="gathers">Whether sums are gathered first and added up here.</param>
    /// <param name="context">The rank's device.</param>
    /// <param name="stream">Where the memory is cleared.</param>
    public RankMemory(ModelProgram program, StepLimits limits, int ranks, bool gathers, CudaContext context, CudaStream stream)
    {
        _arena = new DeviceArena(context, stream);
        var (shrunk, gathered) = SizesOf(program, limits, ranks, gathers);
        ShrunkPart = _arena.Take(shrunk);
        Shrunk = _arena.Take(shrunk);
        Gathered = _arena.Take(gathered);
    }

    /// <summary>This rank's part of x·Aᵀ of one Linear: fp32 [rows][slices][ranks of adapters].</summary>
    public CudaDeviceBuffer ShrunkPart { get; }

    /// <summary>x·Aᵀ, summed over the ranks.</summary>
    public CudaDeviceBuffer Shrunk { get; }

    /// <summary>What all ranks have of one sum, where sums are added up here.</summary>
    public CudaDeviceBuffer Gathered { get; }

    /// <summary>Bytes of all of it.</summary>
    public static long BytesOf(ModelProgram program, StepLimits limits, int ranks, bool gathers)
    {
        var (shrunk, gathered) = SizesOf(program, limits, ranks, gathers);
        return (2 * shrunk) + gathered;
    }

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();

    private static (long Shrunk, long Gathered) SizesOf(ModelProgram program, StepLimits limits, int ranks, bool gathers)
    {
        var shrunk = (long)program.Ops.OfType<LinearOp>().Select(op => op.Slices.Count).DefaultIfEmpty().Max() * LoraParameters.MaxRank;
        var reduced = program.Ops.OfType<AllReduceOp>().Select(op => (long)Strides.Of(program.Buffers[op.Input].Columns)).DefaultIfEmpty().Max();
        return (limits.MaxRows * shrunk * sizeof(float), gathers ? checked(ranks * limits.MaxRows * Math.Max(shrunk, reduced) * sizeof(float)) : 1);
    }
}
