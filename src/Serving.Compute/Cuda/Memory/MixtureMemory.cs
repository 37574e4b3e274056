using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Memory;

/// <summary>Which experts the rows of a step chose in the layer that runs, and where the choices lie: the tables of srv_mixture, which all layers share.</summary>
internal sealed class MixtureMemory(DeviceArena arena, MixtureShape mixture, StepLimits limits)
{
    /// <summary>Experts by the number of the choice.</summary>
    public CudaDeviceBuffer Experts { get; } = arena.Take(ChoiceBytes(mixture, limits));

    /// <summary>Weights by the number of the choice.</summary>
    public CudaDeviceBuffer Weights { get; } = arena.Take(ChoiceBytes(mixture, limits));

    /// <summary>Places by the number of the choice.</summary>
    public CudaDeviceBuffer Places { get; } = arena.Take(ChoiceBytes(mixture, limits));

    /// <summary>Rows by place.</summary>
    public CudaDeviceBuffer Rows { get; } = arena.Take(ChoiceBytes(mixture, limits));

    /// <summary>A bit for each row and expert.</summary>
    public CudaDeviceBuffer Marks { get; } = arena.Take(MarkBytes(mixture, limits));

    /// <summary>Neighbouring places that go through one expert.</summary>
    public CudaDeviceBuffer Tiles { get; } = arena.Take(TileBytes(mixture, limits));

    /// <summary>How many of them there are.</summary>
    public CudaDeviceBuffer TileCount { get; } = arena.Take(sizeof(int));

    /// <summary>Bytes of all of it; none for a model without experts.</summary>
    public static long BytesOf(ModelProgram program, StepLimits limits) => program.Mixture is not { } mixture ? 0
        : (4 * ChoiceBytes(mixture, limits)) + MarkBytes(mixture, limits) + TileBytes(mixture, limits) + sizeof(int);

    private static long ChoiceBytes(MixtureShape mixture, StepLimits limits) => (long)limits.MaxRows * mixture.ChoiceCount * sizeof(int);

    private static long MarkBytes(MixtureShape mixture, StepLimits limits) =>
        ((long)limits.MaxRows + MixtureParameters.RouteRows - 1) / MixtureParameters.RouteRows * mixture.ExpertCount * sizeof(uint);

    /// <summary>Whole tiles of the smaller size, and one that is not whole for every expert.</summary>
    private static unsafe long TileBytes(MixtureShape mixture, StepLimits limits) =>
        (((long)limits.MaxRows * mixture.ChoiceCount / ExpertTile.FewPlaces) + mixture.ExpertCount) * sizeof(ExpertTile);
}
