namespace Serving.Engine.Loading.Adapters;

/// <summary>What having an adapter by its digest comes to: the adapter, which the caller gives back, or why it cannot be had any more.</summary>
/// <param name="Lease">The adapter; null on failure.</param>
/// <param name="Failure">Why not; meaningless on success.</param>
/// <param name="Reason">The same for a person, without any path; empty on success.</param>
public readonly record struct AdapterReload(AdapterLease? Lease, AdapterFailure Failure, string Reason);
