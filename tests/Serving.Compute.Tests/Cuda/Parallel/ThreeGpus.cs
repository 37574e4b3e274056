using System.Runtime.InteropServices;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Parallel;

/// <summary>A third emulated device for as long as a test has it: with two ranks a sum has one order only.</summary>
internal sealed partial class ThreeGpus : IDisposable
{
    /// <summary>Adds the device; skips the test on a real GPU.</summary>
    public ThreeGpus()
    {
        CudaEmulator.RequireEmulated();
        SetDevices(3);
    }

    public void Dispose() => SetDevices(2);

    [LibraryImport("serving_cuda_emulator", EntryPoint = "srv_emulator_set_devices")]
    private static partial void SetDevices(int count);
}
