using Serving.Compute.Managed;
using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Managed;

/// <summary>Keys and values of 8 bits, by the managed backend as it runs by default but with more threads than rows.</summary>
public sealed class ManagedKeyValueTests : KeyValueContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions { Threads = 3 });
}
