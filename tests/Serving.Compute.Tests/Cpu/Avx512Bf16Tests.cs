using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Cpu;

/// <summary>The contract, held by the native backend with avx512-bf16.</summary>
public sealed class Avx512Bf16Tests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512-bf16");
}

/// <summary>The sampling contract, held by the native backend with avx512-bf16.</summary>
public sealed class Avx512Bf16SamplingTests : SamplingContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512-bf16", real: true);
}

/// <summary>The invariance contract, held by the native backend with avx512-bf16.</summary>
public sealed class Avx512Bf16InvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512-bf16", real: true);
}
