namespace Serving.Compute.Backends;

/// <summary>Memory of a device; of several that share a program out, that of each.</summary>
/// <param name="TotalBytes">All of it.</param>
/// <param name="FreeBytes">What nobody has taken.</param>
/// <param name="Name">The device's name, for people.</param>
/// <param name="Count">How many of them there are.</param>
public sealed record DeviceMemory(long TotalBytes, long FreeBytes, string Name, int Count = 1);
