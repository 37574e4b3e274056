namespace Serving.Engine.Loading.Adapters;

/// <summary>Adapters by name, or why they cannot be listed now.</summary>
/// <param name="Handles">As the disk was within the last second, or when it last answered.</param>
/// <param name="Failure">Why they are not known; null where they are.</param>
public readonly record struct ListedAdapters(IReadOnlyList<AdapterHandle> Handles, AdapterLoadOutcome? Failure);

/// <summary>What a name leads to, without opening it.</summary>
/// <param name="Handle">The adapter; null where there is none.</param>
/// <param name="Failure">Why that is not known; null where it is.</param>
public readonly record struct FoundAdapter(AdapterHandle? Handle, AdapterLoadOutcome? Failure);
