using Serving.Compute.Adapters;

namespace Serving.Engine.Loading.Adapters;

/// <summary>What reading an adapter again by its digest comes to: its matrices, or why they cannot be had any more.</summary>
/// <param name="Weights">The matrices; null on failure.</param>
/// <param name="Failure">Why not; meaningless on success.</param>
/// <param name="Reason">The same for a person, without any path; empty on success.</param>
public readonly record struct AdapterReload(AdapterWeights? Weights, AdapterFailure Failure, string Reason);
