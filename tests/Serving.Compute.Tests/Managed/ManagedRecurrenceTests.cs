using Serving.Compute.Managed;
using Serving.Compute.Tests.Contracts;

namespace Serving.Compute.Tests.Managed;

/// <summary>Recurrent states, by the managed backend as it runs by default but with more threads than some steps have rows.</summary>
public sealed class ManagedRecurrenceTests : RecurrenceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed", new ManagedBackendOptions { Threads = 3 });
}

/// <summary>Recurrent states in fp32 throughout with narrow vectors, and so within 2e-5 of the formulas.</summary>
public sealed class ManagedExactRecurrenceTests : RecurrenceContract
{
    /// <inheritdoc/>
    protected override BackendFactory Factory { get; } = ManagedFactories.Create("managed vector128 exact", new ManagedBackendOptions { Exact = true, VectorBits = 128 });
}
