using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Managed;

/// <summary>The variants of the managed backend that the contracts are held against.</summary>
internal static class ManagedFactories
{
    /// <summary>A variant.</summary>
    public static BackendFactory Create(string name, ManagedBackendOptions options) => new(name, !options.Exact, program => new ManagedBackend(program, options));
}

/// <summary>The results, by the managed backend as it runs by default.</summary>
public sealed class ManagedContractTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions());
}

/// <summary>The results in fp32 throughout, and so within 2e-5 of the formulas.</summary>
public sealed class ManagedExactContractTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed exact", new ManagedBackendOptions { Exact = true });
}

/// <summary>The results in fp32 throughout with narrow vectors.</summary>
public sealed class ManagedVector128ContractTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed vector128 exact", new ManagedBackendOptions { Exact = true, VectorBits = 128 });
}

/// <summary>Invariance, by the managed backend as it runs by default but with more threads than rows.</summary>
public sealed class ManagedInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions { Threads = 3 });
}

/// <summary>Invariance with 256-bit vectors, whose register tiles differ.</summary>
public sealed class ManagedVector256InvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed vector256", new ManagedBackendOptions { VectorBits = 256 });
}

/// <summary>Invariance in fp32 throughout.</summary>
public sealed class ManagedExactInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed exact", new ManagedBackendOptions { Exact = true });
}

/// <summary>Sampling, by the managed backend as it runs by default.</summary>
public sealed class ManagedSamplingTests : SamplingContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions());
}

/// <summary>Sampling with narrow vectors.</summary>
public sealed class ManagedVector128SamplingTests : SamplingContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed vector128", new ManagedBackendOptions { VectorBits = 128 });
}

/// <summary>The results over matrices of 8 bits, by the managed backend as it runs by default.</summary>
public sealed class ManagedInt8ContractTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions());

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int8 };
}

/// <summary>The results over matrices of 4 bits, fp32 otherwise and so within 2e-5 of the formulas.</summary>
public sealed class ManagedExactInt4ContractTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed exact", new ManagedBackendOptions { Exact = true });

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int4 };
}

/// <summary>The results over matrices of 4 bits, by the managed backend as it runs by default.</summary>
public sealed class ManagedInt4ContractTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions());

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int4 };
}

/// <summary>The results over matrices of 4 bits with offsets, by the managed backend as it runs by default.</summary>
public sealed class ManagedAsymmetricContractTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions());

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int4Asymmetric };
}

/// <summary>Invariance over matrices of 8 bits, by the managed backend as it runs by default but with more threads than rows.</summary>
public sealed class ManagedInt8InvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions { Threads = 3 });

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { Format = WeightFormat.Int8 };
}
