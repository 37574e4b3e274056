using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Cpu;

/// <summary>The contract, held by the native backend with avx512.</summary>
public sealed class Avx512Tests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512", real: true);
}

/// <summary>The sampling contract, held by the native backend with avx512.</summary>
public sealed class Avx512SamplingTests : SamplingContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512");
}

/// <summary>The invariance contract, held by the native backend with avx512.</summary>
public sealed class Avx512InvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512", real: true);
}
