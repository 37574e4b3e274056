using Serving.Core.Memory;

namespace Serving.Core.Adapters;

/// <summary>What the residency knows of one adapter.</summary>
internal sealed class AdapterEntry
{
    /// <summary>No slot.</summary>
    public const int NoSlot = -1;

    /// <summary>An adapter that is registered.</summary>
    public AdapterEntry(AdapterRef adapter) => Adapter = adapter;

    /// <summary>Its identity and size.</summary>
    public AdapterRef Adapter { get; }

    /// <summary>Where it is.</summary>
    public AdapterState State { get; set; }

    /// <summary>Slot it is bound to while loading or resident.</summary>
    public int Slot { get; set; } = NoSlot;

    /// <summary>Its pages while loading or resident.</summary>
    public PageLease? Lease { get; set; }

    /// <summary>Running sequences and plans in flight that need it: above 0 it is pinned.</summary>
    public int Users { get; set; }

    /// <summary>Queued sequences that wait for it or will.</summary>
    public int Waiters { get; set; }

    /// <summary>Sequences that have run with it: its frequency in the eviction economy.</summary>
    public long Uses { get; set; }

    /// <summary>Not evicted while the current admission pass looks at someone who wants it.</summary>
    public bool Held { get; set; }

    /// <summary>Replaced or unloaded: dropped as soon as nobody runs with it or waits for it.</summary>
    public bool Retired { get; set; }

    /// <summary>The device lost what is being loaded: dropped when the load is answered, whatever the answer.</summary>
    public bool Abandoned { get; set; }
}
