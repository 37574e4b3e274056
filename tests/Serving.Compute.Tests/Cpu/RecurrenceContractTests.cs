using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Cpu;

/// <summary>Recurrent states, by the native backend with avx2.</summary>
public sealed class Avx2RecurrenceTests : RecurrenceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2");
}

/// <summary>Recurrent states, by the native backend with avx512.</summary>
public sealed class Avx512RecurrenceTests : RecurrenceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512", real: true);
}

/// <summary>Recurrent states, by the native backend with avx512-bf16.</summary>
public sealed class Avx512Bf16RecurrenceTests : RecurrenceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512-bf16");
}

/// <summary>Recurrent states, by the native backend with amx.</summary>
public sealed class AmxRecurrenceTests : RecurrenceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx", real: true);
}

/// <summary>Recurrent states, by the native backend with amx-emulated.</summary>
public sealed class EmulatedAmxRecurrenceTests : RecurrenceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx-emulated");
}
