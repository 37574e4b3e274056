namespace Serving.Engine;

/// <summary>A model that a caller may name: the base or an adapter.</summary>
/// <param name="Name">The bare name.</param>
/// <param name="Parent">The base's name for an adapter, null for the base.</param>
/// <param name="Root">What it was made from: the base's name, or for an adapter its name (the path is nobody's business).</param>
/// <param name="OwnerTenant">The tenant it belongs to; null when it is shared by all.</param>
/// <param name="CreatedUnixSeconds">When it was first seen.</param>
public sealed record ModelEntry(string Name, string? Parent, string Root, string? OwnerTenant, long CreatedUnixSeconds);
