using Serving.Compute.Cuda.Driver;
using Serving.Testing;
using Xunit.Sdk;

namespace Serving.Compute.Tests.Cuda.Kernels;

/// <summary>
/// Every mistake of native/cuda_emulator/plants/list.cmake is noticed by the case tables of its kernel: barriers left out one by one, pages off by one, tails without a
/// mask, fragments in a wrong layout. What a check of the emulator has to find, it finds whatever the order of threads.
/// </summary>
[Collection(EmulatorCollection.Name)]
public sealed class PlantedBugTests(ITestOutputHelper output)
{
    private const string NotBuilt = "none: the emulator was not built";

    /// <summary>What is in the library.</summary>
    public static TheoryData<string> Plants => PlantedKernel.Plants.Count > 0 ? [.. PlantedKernel.Plants] : [NotBuilt];

    [Theory]
    [MemberData(nameof(Plants))]
    public void Plant_Any_IsNoticed(string plant)
    {
        CudaEmulator.RequireEmulated();
        using var planted = PlantedKernel.Plant(plant);
        var (which, noticed) = KernelCases.Of(planted.Kernel, plant).Select(number => (number, Record.Exception(KernelCases.At(planted.Kernel, number)))).FirstOrDefault(tried => tried.Item2 is not null);
        output.WriteLine($"{plant}: case {which}");
        Assert.True(planted.WasLaunched, $"{planted.Kernel} was not launched");
        Assert.True(noticed is XunitException or CudaException, $"nothing noticed {plant}: {noticed}");
    }

    /// <summary>The kinds that the project promises to notice are among them.</summary>
    [Theory]
    [InlineData("no-barrier")]
    [InlineData("no-warp-sync")]
    [InlineData("not-awaited")]
    [InlineData("next-page")]
    [InlineData("no-mask")]
    [InlineData("behind-the-last")]
    [InlineData("fragment")]
    public void Plants_PromisedKinds_AreThere(string kind)
    {
        CudaEmulator.RequireEmulated();
        Assert.Contains(PlantedKernel.Plants, plant => plant.Contains(kind, StringComparison.Ordinal));
    }
}
