using Serving.Compute.Cuda.Driver;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Driver;

/// <summary>What tests of several GPUs need.</summary>
internal static class TwoGpus
{
    /// <summary>Skips the calling test on a machine that has fewer, or no NCCL; the emulator has both.</summary>
    public static void Require()
    {
        CudaEmulator.Require();
        Assert.True(CudaLibraries.TryLoadDriver(out var reason), reason);
        Repository.RequiresHardware(CudaDevice.Count() >= 2, "this test needs two GPUs");
        Repository.RequiresHardware(CudaLibraries.TryLoadNccl(out reason), reason);
    }
}
