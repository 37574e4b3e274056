using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;
using Serving.Testing;

namespace Serving.Compute.Tests.Cuda.Parallel;

/// <summary>The contract, held by two ranks.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class ParallelTests : BackendContract, IDisposable
{
    /// <inheritdoc/>
    protected override BackendFactory Factory => ParallelFactory.Default;

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => ParallelFactory.Shareable(shape);
}

/// <summary>The sampling contract: logits that come from two ranks are joined into the same vocabulary.</summary>
[Collection(EmulatorCollection.Name)]
public sealed class ParallelSamplingTests : SamplingContract, IDisposable
{
    /// <inheritdoc/>
    protected override BackendFactory Factory => ParallelFactory.Default;

    public void Dispose() => Assert.Empty(CudaEmulator.Findings());
}
