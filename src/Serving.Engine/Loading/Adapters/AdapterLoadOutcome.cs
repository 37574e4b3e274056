using Serving.Core.Adapters;

namespace Serving.Engine.Loading.Adapters;

/// <summary>What opening an adapter comes to: its identity as it is on disk now, or why it cannot be had.</summary>
/// <param name="Adapter">Identity and cost; null on failure.</param>
/// <param name="Failure">Why not; meaningless on success.</param>
/// <param name="Reason">The same for a person, without any path; empty on success.</param>
/// <param name="RetryAfter">When another try may come out differently; zero on success and for an unknown name.</param>
/// <param name="Rank">Its largest rank; 0 on failure.</param>
public sealed record AdapterLoadOutcome(AdapterRef? Adapter, AdapterFailure Failure, string Reason, TimeSpan RetryAfter, int Rank = 0)
{
    /// <summary>No such adapter, or none that the caller may use.</summary>
    public static AdapterLoadOutcome Unknown { get; } = new(null, AdapterFailure.Unknown, "the adapter does not exist", TimeSpan.Zero);

    /// <summary>Whether there is none of that name.</summary>
    public bool IsUnknown => Adapter is null && Failure == AdapterFailure.Unknown;

    /// <summary>An adapter that is ready to be made resident.</summary>
    public static AdapterLoadOutcome Ready(AdapterRef adapter, int rank) => new(adapter, AdapterFailure.Unknown, "", TimeSpan.Zero, rank);

    /// <summary>A failure.</summary>
    public static AdapterLoadOutcome Failed(AdapterFailure failure, string reason, TimeSpan retryAfter) => new(null, failure, reason, retryAfter);
}
