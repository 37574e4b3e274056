namespace Serving.Engine.Loading.Adapters;

/// <summary>As many of a tenant's calls to the adapters' disk wait as may.</summary>
internal sealed class DiskBusyException() : Exception("Too many calls to the adapters' files wait.");
