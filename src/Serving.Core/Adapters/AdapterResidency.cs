using Serving.Core.Memory;

namespace Serving.Core.Adapters;

/// <summary>Why a load was or was not started.</summary>
internal enum LoadAttempt
{
    /// <summary>It is ordered, now or before.</summary>
    Ordered,

    /// <summary>As many loads as allowed are under way; they end by themselves.</summary>
    Busy,

    /// <summary>No slot or not enough pages can be had before someone who runs gives them back.</summary>
    NoRoom,
}

/// <summary>
/// Which adapters are in the pool: registered → loading → resident → registered again when evicted, or loading → failed. A resident adapter holds a slot and a lease of pages;
/// with users it is pinned, without it is offered to the eviction economy at what reading it again costs.
/// </summary>
internal sealed class AdapterResidency : IEvictable
{
    /// <summary>Loads under way at once: one reads its file while the other is packed; more would only split the same disk and cores.</summary>
    public const int MaxLoads = 2;

    private readonly Dictionary<Digest, AdapterEntry> _entries = [];
    private readonly AdapterEntry?[] _slots;
    private readonly PageSupply _supply;
    private readonly EvictionEconomy _economy;
    private readonly double _secondsPerByte;
    private readonly int _firstItem;
    private readonly List<AdapterEntry> _held = [];

    /// <summary>No adapter yet.</summary>
    /// <param name="slots">Adapters that can be resident at once.</param>
    /// <param name="supply">Where pages come from.</param>
    /// <param name="economy">Where idle adapters are offered.</param>
    /// <param name="secondsPerByte">Time to reload a byte: what losing it costs.</param>
    public AdapterResidency(int slots, PageSupply supply, EvictionEconomy economy, double secondsPerByte)
    {
        _slots = new AdapterEntry?[slots];
        _supply = supply;
        _economy = economy;
        _secondsPerByte = secondsPerByte;
        _firstItem = economy.Register(this, slots);
    }

    /// <inheritdoc/>
    public int EvictablePages { get; private set; }

    /// <summary>Loads under way.</summary>
    public int Loads { get; private set; }

    /// <summary>Loads ordered so far.</summary>
    public long LoadsOrdered { get; private set; }

    /// <summary>Idle adapters evicted so far.</summary>
    public long Evictions { get; private set; }

    /// <summary>Adapters by slot; null where a slot is free.</summary>
    public ReadOnlySpan<AdapterEntry?> Slots => _slots;

    /// <summary>Running sequences do not pin: a mistake planted by the simulation.</summary>
    public bool Unpinned { get; init; }

    /// <summary>A failed load keeps its slot: a mistake planted by the simulation.</summary>
    public bool KeepFailedSlot { get; init; }

    /// <summary>The entry of a digest, if it is known.</summary>
    public AdapterEntry? Find(Digest digest) => _entries.GetValueOrDefault(digest);

    /// <summary>Counts a queued sequence that needs an adapter, registering it if need be.</summary>
    public AdapterEntry AddWaiter(AdapterRef adapter)
    {
        if (!_entries.TryGetValue(adapter.Digest, out var entry))
        {
            entry = new AdapterEntry(adapter);
            _entries.Add(adapter.Digest, entry);
        }

        entry.Waiters++;
        return entry;
    }

    /// <summary>A queued sequence left the queue.</summary>
    public void RemoveWaiter(AdapterEntry entry)
    {
        entry.Waiters--;
        DropIfDone(entry);
    }

    /// <summary>Tries to start loading a registered adapter.</summary>
    /// <param name="entry">The adapter.</param>
    /// <param name="load">The order, when one is to be given now.</param>
    public LoadAttempt TryLoad(AdapterEntry entry, out AdapterLoad? load)
    {
        load = null;
        if (entry.State != AdapterState.Registered)
        {
            return LoadAttempt.Ordered;
        }

        if (Loads == MaxLoads)
        {
            return LoadAttempt.Busy;
        }

        // The pages are counted before a slot is emptied: nobody is evicted for a load that cannot start.
        if (_supply.Obtainable < entry.Adapter.PageCount || !TryEmptySlot(out var slot) || _supply.TryLease(entry.Adapter.PageCount) is not { } lease)
        {
            return LoadAttempt.NoRoom;
        }

        entry.State = AdapterState.Loading;
        entry.Slot = slot;
        entry.Lease = lease;
        _slots[slot] = entry;
        Loads++;
        LoadsOrdered++;
        load = new AdapterLoad(entry.Adapter.Digest, slot, lease.Pages);
        return LoadAttempt.Ordered;
    }

    /// <summary>A load is done. An answer that nobody waits for is ignored.</summary>
    public void Ready(Digest digest)
    {
        if (Find(digest) is not { State: AdapterState.Loading } entry)
        {
            return;
        }

        Loads--;
        if (entry.Abandoned)
        {
            Unload(entry, AdapterState.Registered);
            return;
        }

        entry.State = AdapterState.Resident;
        OfferIfIdle(entry);
        DropIfDone(entry);
    }

    /// <summary>A load failed.</summary>
    /// <returns>The adapter whose waiters are to be told; null when the answer is about nothing, or about a load that the device lost.</returns>
    public AdapterEntry? Failed(Digest digest)
    {
        if (Find(digest) is not { State: AdapterState.Loading } entry)
        {
            return null;
        }

        Loads--;
        if (entry.Abandoned)
        {
            Unload(entry, AdapterState.Registered);
            return null;
        }

        _entries.Remove(digest);
        var slot = entry.Slot;
        Unload(entry, AdapterState.Failed);
        _slots[slot] = KeepFailedSlot ? entry : _slots[slot];
        return entry;
    }

    /// <summary>The adapter was unloaded or replaced on disk: it is dropped as soon as nobody runs with it or waits for it.</summary>
    public void Retire(Digest digest)
    {
        if (Find(digest) is { } entry)
        {
            entry.Retired = true;
            DropIfDone(entry);
        }
    }

    /// <summary>A sequence or a plan in flight needs a resident adapter from now on.</summary>
    public void Pin(AdapterEntry entry)
    {
        if (Unpinned)
        {
            return;
        }

        entry.Users++;
        Withdraw(entry);
    }

    /// <summary>Counts a sequence that starts to run with an adapter.</summary>
    public void Use(AdapterEntry entry) => entry.Uses++;

    /// <summary>Ends one <see cref="Pin"/>.</summary>
    public void Unpin(AdapterEntry entry)
    {
        if (Unpinned)
        {
            return;
        }

        Integrity.Require(entry.Users > 0, "an adapter is unpinned more often than pinned");
        entry.Users--;
        OfferIfIdle(entry);
        DropIfDone(entry);
    }

    /// <summary>Keeps a resident adapter from being evicted until <see cref="ReleaseHolds"/>: those who come later in the queue do not take it from those who come first.</summary>
    public void Hold(AdapterEntry entry)
    {
        if (!entry.Held)
        {
            entry.Held = true;
            _held.Add(entry);
            Withdraw(entry);
        }
    }

    /// <summary>Ends every <see cref="Hold"/>.</summary>
    public void ReleaseHolds()
    {
        foreach (var entry in _held)
        {
            entry.Held = false;
            OfferIfIdle(entry);
        }

        _held.Clear();
    }

    /// <inheritdoc/>
    public void Evict(int index)
    {
        var entry = _slots[index] ?? throw new InvalidOperationException($"No adapter in slot {index} to evict.");
        Evictions++;
        EvictablePages -= entry.Adapter.PageCount;
        Unload(entry, AdapterState.Registered);
    }

    /// <summary>The device lost what is being loaded: such loads are dropped when they are answered.</summary>
    public void AbandonLoads()
    {
        foreach (var entry in _slots)
        {
            if (entry is { State: AdapterState.Loading })
            {
                entry.Abandoned = true;
            }
        }
    }

    /// <summary>H of an idle adapter in the eviction economy; 0 for one that is not offered.</summary>
    public double IdleValueOf(AdapterEntry entry) =>
        entry.Slot != AdapterEntry.NoSlot && _economy.Contains(_firstItem + entry.Slot) ? _economy.ValueOf(_firstItem + entry.Slot) : 0;

    /// <summary>Throws unless slots, entries, loads and offers agree.</summary>
    public void CheckIntegrity()
    {
        var loads = 0;
        var evictable = 0;
        for (var slot = 0; slot < _slots.Length; slot++)
        {
            var offered = _economy.Contains(_firstItem + slot);
            if (_slots[slot] is not { } entry)
            {
                Integrity.Require(!offered, $"empty slot {slot} is offered for eviction");
                continue;
            }

            Integrity.Require(entry.Slot == slot && entry.Lease is not null, $"slot {slot} holds an adapter that does not hold it");
            Integrity.Require(entry.State is AdapterState.Loading or AdapterState.Resident, $"slot {slot} holds an adapter that is {entry.State}");
            Integrity.Require(ReferenceEquals(Find(entry.Adapter.Digest), entry), $"slot {slot} holds an adapter that nobody can find");
            Integrity.Require(offered == IsIdle(entry), $"slot {slot} is offered for eviction wrongly");
            loads += entry.State == AdapterState.Loading ? 1 : 0;
            evictable += offered ? entry.Adapter.PageCount : 0;
        }

        Integrity.Require(loads == Loads, $"{loads} adapters are loading, {Loads} are counted");
        Integrity.Require(evictable == EvictablePages, $"{evictable} pages of adapters are idle, {EvictablePages} are counted");
    }

    private static bool IsIdle(AdapterEntry entry) => entry is { State: AdapterState.Resident, Users: 0, Held: false };

    private bool TryEmptySlot(out int slot)
    {
        slot = Array.IndexOf(_slots, null);
        if (slot >= 0)
        {
            return true;
        }

        var lowest = double.PositiveInfinity;
        for (var i = 0; i < _slots.Length; i++)
        {
            if (_economy.Contains(_firstItem + i) && _economy.ValueOf(_firstItem + i) < lowest)
            {
                lowest = _economy.ValueOf(_firstItem + i);
                slot = i;
            }
        }

        if (slot >= 0)
        {
            _economy.Evict(_firstItem + slot);
        }

        return slot >= 0;
    }

    private void OfferIfIdle(AdapterEntry entry)
    {
        if (IsIdle(entry) && !_economy.Contains(_firstItem + entry.Slot))
        {
            _economy.Offer(_firstItem + entry.Slot, Math.Max(1, entry.Uses), entry.Adapter.SizeBytes * _secondsPerByte, entry.Adapter.PageCount);
            EvictablePages += entry.Adapter.PageCount;
        }
    }

    private void Withdraw(AdapterEntry entry)
    {
        if (entry.Slot != AdapterEntry.NoSlot && _economy.Contains(_firstItem + entry.Slot))
        {
            _economy.Withdraw(_firstItem + entry.Slot);
            EvictablePages -= entry.Adapter.PageCount;
        }
    }

    private void DropIfDone(AdapterEntry entry)
    {
        if (entry.Users > 0 || entry.Waiters > 0)
        {
            return;
        }

        if (entry is { State: AdapterState.Resident, Retired: true })
        {
            Withdraw(entry);
            Unload(entry, AdapterState.Registered);
        }
        else if (entry.State == AdapterState.Registered && ReferenceEquals(Find(entry.Adapter.Digest), entry))
        {
            _entries.Remove(entry.Adapter.Digest);
        }
    }

    // Slot and pages are given back; an adapter that nobody waits for is forgotten, its frequency too.
    private void Unload(AdapterEntry entry, AdapterState state)
    {
        _slots[entry.Slot] = null;
        entry.Slot = AdapterEntry.NoSlot;
        entry.Lease?.Dispose();
        entry.Lease = null;
        entry.State = state;
        entry.Abandoned = false;
        DropIfDone(entry);
    }
}
