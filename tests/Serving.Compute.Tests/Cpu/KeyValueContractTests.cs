using Serving.Compute.Programs;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cpu;

/// <summary>The contract with keys and values of 8 bits, held by the native backend with avx2.</summary>
public sealed class Avx2Int8KeyValueTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}

/// <summary>The invariance contract with keys and values of 8 bits, held by the native backend with avx2.</summary>
public sealed class Avx2Int8KeyValueInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}

/// <summary>The contract with keys and values of 8 bits, held by the native backend with avx512.</summary>
public sealed class Avx512Int8KeyValueTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}

/// <summary>The invariance contract with keys and values of 8 bits, held by the native backend with avx512.</summary>
public sealed class Avx512Int8KeyValueInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}

/// <summary>The contract with keys and values of 8 bits, held by the native backend with avx512-bf16.</summary>
public sealed class Avx512Bf16Int8KeyValueTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512-bf16");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}

/// <summary>The invariance contract with keys and values of 8 bits, held by the native backend with avx512-bf16.</summary>
public sealed class Avx512Bf16Int8KeyValueInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512-bf16");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}

/// <summary>The contract with keys and values of 8 bits, held by the native backend with amx.</summary>
public sealed class AmxInt8KeyValueTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}

/// <summary>The invariance contract with keys and values of 8 bits, held by the native backend with amx.</summary>
public sealed class AmxInt8KeyValueInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}

/// <summary>The contract with keys and values of 8 bits, held by the native backend with amx-emulated.</summary>
public sealed class EmulatedAmxInt8KeyValueTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx-emulated");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}

/// <summary>The invariance contract with keys and values of 8 bits, held by the native backend with amx-emulated.</summary>
public sealed class EmulatedAmxInt8KeyValueInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx-emulated");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}
