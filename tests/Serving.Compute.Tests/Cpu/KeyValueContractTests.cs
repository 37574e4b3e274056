using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Cpu;

/// <summary>Keys and values of 8 bits, by the native backend with avx2.</summary>
public sealed class Avx2KeyValueTests : KeyValueContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2");
}

/// <summary>Keys and values of 8 bits, by the native backend with avx512.</summary>
public sealed class Avx512KeyValueTests : KeyValueContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512", real: true);
}

/// <summary>Keys and values of 8 bits, by the native backend with avx512-bf16.</summary>
public sealed class Avx512Bf16KeyValueTests : KeyValueContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512-bf16");
}

/// <summary>Keys and values of 8 bits, by the native backend with amx.</summary>
public sealed class AmxKeyValueTests : KeyValueContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx", real: true);
}

/// <summary>Keys and values of 8 bits, by the native backend with amx-emulated.</summary>
public sealed class EmulatedAmxKeyValueTests : KeyValueContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx-emulated");

    /// <inheritdoc/>
    protected override int LongPrompt => 530;
}
