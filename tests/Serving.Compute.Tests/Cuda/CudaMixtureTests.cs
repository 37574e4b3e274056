using Serving.Compute.Cuda;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cuda;

/// <summary>Which mixtures of experts the kernels take.</summary>
public sealed class CudaMixtureTests
{
    [Theory]
    [InlineData(128, 8, true)]
    [InlineData(512, 16, true)]
    [InlineData(513, 8, false)]
    [InlineData(512, 17, false)]
    public void Supports_AnyMixture_RefusesMoreThanItsTablesHold(int experts, int choices, bool taken)
    {
        var program = TestProgram.Create(TestShape.Mixture).Program with { Mixture = new MixtureShape(experts, choices) };
        Assert.Equal(taken, CudaBackend.Supports(program, out var reason));
        Assert.Equal(!taken, reason.Contains("512 experts and 16 choices", StringComparison.Ordinal));
    }
}
