using System.Runtime.InteropServices;
using Serving.Compute.Tests.Contracts;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Emulator;

/// <summary>The contract once more with the order of blocks, threads and graph nodes drawn from a seed: nothing may depend on it, and no check may find anything.</summary>
[Collection(EmulatorCollection.Name)]
public sealed partial class CudaShuffledTests : BackendContract, IDisposable
{
    private const ulong Seed = 20_260_101;

    public CudaShuffledTests()
    {
        CudaEmulator.RequireEmulated();
        SetSeed(Seed);
    }

    /// <inheritdoc/>
    protected override BackendFactory Factory => CudaFactory.Default;

    public void Dispose()
    {
        SetSeed(0);
        Assert.Empty(CudaEmulator.Findings());
    }

    [LibraryImport("serving_cuda_emulator", EntryPoint = "srv_emulator_set_seed")]
    private static partial void SetSeed(ulong seed);
}
