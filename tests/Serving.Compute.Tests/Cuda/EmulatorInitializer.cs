using System.Runtime.CompilerServices;
using Serving.Testing;

[assembly: TestCollectionOrderer(typeof(SharedCollectionsFirst))]

namespace Serving.Compute.Tests.Cuda;

/// <summary>The tests of the CUDA backend run on the emulated driver.</summary>
internal static class EmulatorInitializer
{
    [ModuleInitializer]
    internal static void Initialize() => CudaEmulator.Install();
}
