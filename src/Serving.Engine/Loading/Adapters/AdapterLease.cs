using Serving.Compute.Adapters;

namespace Serving.Engine.Loading.Adapters;

/// <summary>A prepared adapter that stays in host memory until this is disposed of.</summary>
public sealed class AdapterLease : IDisposable
{
    private Action? _release;

    /// <summary>Makes a lease.</summary>
    internal AdapterLease(IPreparedAdapter adapter, Action release)
    {
        Adapter = adapter;
        _release = release;
    }

    /// <summary>What can be packed meanwhile.</summary>
    public IPreparedAdapter Adapter { get; }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
