using Serving.Compute.Programs;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cpu;

/// <summary>The contract over matrices of 8 bits, held by the native backend with avx2.</summary>
public sealed class Avx2Int8Tests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2", integers: "avx2");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int8 };
}

/// <summary>The invariance contract over matrices of 8 bits, held by the native backend with avx2.</summary>
public sealed class Avx2Int8InvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2", integers: "avx2");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int8 };
}

/// <summary>The contract over matrices of MXFP4, held by the native backend with avx2. Invariance is that of 8 bits, of which they have the bits (<see cref="CpuEqualityTests"/>).</summary>
public sealed class Avx2Mxfp4Tests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2", integers: "avx2");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Mxfp4 };
}

/// <summary>The contract over matrices of IQ4, held by the native backend with avx2. Invariance is that of 8 bits, as MXFP4's is.</summary>
public sealed class Avx2Iq4Tests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2", integers: "avx2");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Iq4 };
}

/// <summary>The contract over matrices of 4 bits with offsets, held by the native backend with avx2.</summary>
public sealed class Avx2AsymmetricTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2", integers: "avx2");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int4Asymmetric };
}

/// <summary>The invariance contract over matrices of 4 bits with offsets, held by the native backend with avx2.</summary>
public sealed class Avx2AsymmetricInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx2", integers: "avx2");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int4Asymmetric };
}

/// <summary>The contract over matrices of 4 bits with offsets, held by the native backend with avx512.</summary>
public sealed class Avx512AsymmetricTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512", real: true);

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int4Asymmetric };
}

/// <summary>The contract over matrices of 8 bits, held by the native backend with avx512.</summary>
public sealed class Avx512Int8Tests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512", real: true);

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int8 };
}

/// <summary>The invariance contract over matrices of 8 bits, held by the native backend with avx512.</summary>
public sealed class Avx512Int8InvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512", real: true);

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int8 };
}

/// <summary>The contract over matrices of 4 bits, held by the native backend with avx512.</summary>
public sealed class Avx512Int4Tests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512", real: true);

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int4 };
}

/// <summary>The invariance contract over matrices of 4 bits, held by the native backend with avx512.</summary>
public sealed class Avx512Int4InvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512", real: true);

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int4 };
}

/// <summary>The contract over matrices of 8 bits, held by the native backend with avx512-bf16.</summary>
public sealed class Avx512Bf16Int8Tests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512-bf16");

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int8 };
}

/// <summary>The invariance contract over matrices of 8 bits, held by the native backend with avx512-bf16.</summary>
public sealed class Avx512Bf16Int8InvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("avx512-bf16", real: true);

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int8 };
}

/// <summary>The contract over matrices of 8 bits, held by the native backend with amx.</summary>
public sealed class AmxInt8Tests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx", real: true);

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int8 };
}

/// <summary>The invariance contract over matrices of 8 bits, held by the native backend with amx.</summary>
public sealed class AmxInt8InvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = CpuFactory.Of("amx", real: true);

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int8 };
}
