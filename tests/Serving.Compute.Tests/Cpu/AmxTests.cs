using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Cpu;

/// <summary>The contract, held by the native backend with amx.</summary>
public sealed class AmxTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx");
}

/// <summary>The sampling contract, held by the native backend with amx.</summary>
public sealed class AmxSamplingTests : SamplingContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx", real: true);
}

/// <summary>The invariance contract, held by the native backend with amx.</summary>
public sealed class AmxInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx", real: true);
}
