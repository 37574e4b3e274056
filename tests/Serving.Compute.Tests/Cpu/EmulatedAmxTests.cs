using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Cpu;

/// <summary>The contract, held by the native backend with amx-emulated.</summary>
public sealed class EmulatedAmxTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx-emulated");
}

/// <summary>The sampling contract, held by the native backend with amx-emulated.</summary>
public sealed class EmulatedAmxSamplingTests : SamplingContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx-emulated");
}

/// <summary>The invariance contract, held by the native backend with amx-emulated.</summary>
public sealed class EmulatedAmxInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx-emulated");
}
