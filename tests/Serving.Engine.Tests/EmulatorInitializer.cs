using System.Runtime.CompilerServices;
using Serving.Testing;

[assembly: TestCollectionOrderer(typeof(SharedCollectionsFirst))]

namespace Serving.Engine.Tests;

/// <summary>The tests of the CUDA backend run on the emulated driver, those of instruction sets that this processor lacks on emulated ones.</summary>
internal static class EmulatorInitializer
{
    [ModuleInitializer]
    internal static void Initialize()
    {
        CudaEmulator.Install();
        CpuEmulator.Install();
    }
}
