using Serving.Compute.Managed;
using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Managed;

/// <summary>The contract, held by the managed backend as it runs by default.</summary>
public sealed class ManagedBackendTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = new("managed", true, program => new ManagedBackend(program, new ManagedBackendOptions()));
}

/// <summary>The contract, held by the managed backend in fp32 throughout.</summary>
public sealed class ManagedExactTests : BackendContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = new("managed exact", false, program => new ManagedBackend(program, new ManagedBackendOptions { Exact = true }));
}
