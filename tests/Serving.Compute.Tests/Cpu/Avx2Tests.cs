using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Cpu;

/// <summary>The contract, held by the native backend with avx2.</summary>
public sealed class Avx2Tests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2");
}

/// <summary>The sampling contract, held by the native backend with avx2.</summary>
public sealed class Avx2SamplingTests : SamplingContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2");
}

/// <summary>The invariance contract, held by the native backend with avx2.</summary>
public sealed class Avx2InvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2");
}
