namespace Serving.Compute.Backends;

/// <summary>Memory of a device.</summary>
/// <param name="TotalBytes">All of it.</param>
/// <param name="FreeBytes">What nobody has taken.</param>
/// <param name="Name">The device's name, for people.</param>
public sealed record DeviceMemory(long TotalBytes, long FreeBytes, string Name);
