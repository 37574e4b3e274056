namespace Serving.Compute.Adapters;

/// <summary>
/// An adapter in host memory as one backend wants it, made by its <c>PrepareAdapter</c> and packed any number of times. Disposing of it gives the memory back, from any
/// thread and as soon as no <c>PackAdapter</c> runs with it: what was copied from that memory and has not arrived yet keeps the backend from using it again, not the caller.
/// </summary>
public interface IPreparedAdapter : IDisposable
{
    /// <summary>Pages of the pool that it takes.</summary>
    int PageCount { get; }
}
