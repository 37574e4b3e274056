using Serving.Compute.Managed;
using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Managed;

/// <summary>The sampling contract, held by the managed backend.</summary>
public sealed class ManagedSamplingTests : SamplingContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = new("managed", true, program => new ManagedBackend(program, new ManagedBackendOptions()));
}
