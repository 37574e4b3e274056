using Serving.Compute.Managed;
using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Managed;

/// <summary>The invariance contract, held by the managed backend.</summary>
public sealed class ManagedInvarianceTests : InvarianceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = new("managed", true, program => new ManagedBackend(program, new ManagedBackendOptions { Threads = 3 }));
}
