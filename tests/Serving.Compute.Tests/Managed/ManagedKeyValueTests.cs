using Serving.Compute.Managed;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Contracts;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Managed;

/// <summary>The results with keys and values of 8 bits, by the managed backend as it runs by default.</summary>
public sealed class ManagedInt8KeyValueContractTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions());

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}

/// <summary>Invariance with keys and values of 8 bits, by the managed backend as it runs by default but with more threads than rows.</summary>
public sealed class ManagedInt8KeyValueInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions { Threads = 3 });

    /// <inheritdoc/>
    protected override TestShape Adjust(TestShape shape) => shape with { KeyValues = KeyValueFormat.Int8 };
}
