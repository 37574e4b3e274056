using Serving.Compute.Cuda;
using Serving.Engine.Tests.Running;
using Serving.Testing;

namespace Serving.Engine.Tests.Demo;

/// <summary>The bundled model against its reference outputs on the emulated GPU, while nobody else uses it: a device that fails fails for all.</summary>
[Collection(EmulatedGpus.Name)]
public sealed class CudaReferenceTests(ITestOutputHelper output)
{
    private const float LogitBar = 0.12f;

    // It computes hundreds of times slower than a real one.
    private const int CasesPerModel = 5;

    /// <summary>As a daemon runs by itself, and with the products of few rows by the kernel of our own, which a device may choose.</summary>
    [Theory]
    [InlineData(FewRowProducts.Auto)]
    [InlineData(FewRowProducts.Own)]
    public void Run_ReferenceCases_MatchesTheReference(FewRowProducts products)
    {
        CudaEmulator.Require();
        ReferenceCheck.Run($"cuda, products {products}", program => new CudaBackend(program, new CudaBackendOptions { FewRowProducts = products }), LogitBar, CasesPerModel, output);
        Assert.Empty(CudaEmulator.Findings());
    }
}
