using Serving.Engine.Requests;

namespace Serving.Engine;

/// <summary>A model that a caller may name: the base or an adapter.</summary>
/// <param name="Name">The bare name.</param>
/// <param name="Parent">The base's name for an adapter, null for the base.</param>
/// <param name="Root">What it was made from: the base's name, or for an adapter its name (the path is nobody's business).</param>
/// <param name="OwnerTenant">The tenant it belongs to; null when it is shared by all.</param>
/// <param name="CreatedUnixSeconds">When it was first seen.</param>
public sealed record ModelEntry(string Name, string? Parent, string Root, string? OwnerTenant, long CreatedUnixSeconds);

/// <summary>The models that a tenant may name.</summary>
/// <param name="Models">The base first; only that where the rest is not known.</param>
/// <param name="Failure">Why the adapters are not known now; null where they are.</param>
public readonly record struct ListedModels(IReadOnlyList<ModelEntry> Models, RequestFailure? Failure);

/// <summary>A model that a tenant may name, or why there is none: never both.</summary>
public readonly record struct FoundModel(ModelEntry? Model, RequestFailure? Failure);
