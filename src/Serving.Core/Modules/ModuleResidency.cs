using Serving.Core.Memory;

namespace Serving.Core.Modules;

/// <summary>Why a module was or was not brought into the pool.</summary>
internal enum ModuleAttempt
{
    /// <summary>It is on its way, now or before.</summary>
    Ordered,

    /// <summary>As many copies as allowed are under way, or no seat is free: they end by themselves.</summary>
    Busy,

    /// <summary>Not enough pages can be had before someone who runs gives them back.</summary>
    NoRoom,
}

/// <summary>
/// Which modules are in the pool.
/// <code>
///          encode            complete              evicted
/// absent ─────────► encoding ─────────► resident ─────────► absent
///    └── host copy ► loading ─────────────┘  └── copied to host memory in the background
/// </code>
/// A resident module holds a lease of pages; with users it stays, without it is offered to the eviction economy at what getting it back costs. It is copied to host memory when
/// it becomes resident, not when it is evicted: an eviction is for someone who needs a page now and cannot wait for a copy. Losing what a module was encoded on does not make it wrong.
/// </summary>
internal sealed class ModuleResidency : IEvictable
{
    /// <summary>Copies to host memory under way at once, and as many back: one is copied while the next is ordered; more would only split the same memory bus.</summary>
    public const int MaxCopies = 2;

    private readonly PageSupply _supply;
    private readonly EvictionEconomy _economy;
    private readonly double _secondsPerToken;
    private readonly double _secondsPerPage;
    private readonly ModuleEntry?[] _byFirstPage;
    private readonly int _firstItem;
    private readonly List<ModuleEntry> _held = [];
    private readonly Queue<ModuleEntry> _uncopied = [];
    private readonly List<(ModuleTransfer Transfer, ModuleEntry Entry)> _transfers = [];
    private long _lastTransfer;

    /// <summary>No module yet.</summary>
    /// <param name="pages">Pages of the pool.</param>
    /// <param name="supply">Where pages come from.</param>
    /// <param name="economy">Where idle modules are offered.</param>
    /// <param name="hostPages">Pages of host memory; 0 is none.</param>
    /// <param name="secondsPerToken">Time to encode a token again.</param>
    /// <param name="secondsPerPage">Time to copy a page from host memory.</param>
    public ModuleResidency(int pages, PageSupply supply, EvictionEconomy economy, int hostPages, double secondsPerToken, double secondsPerPage)
    {
        _supply = supply;
        _economy = economy;
        _secondsPerToken = secondsPerToken;
        _secondsPerPage = secondsPerPage;
        _byFirstPage = new ModuleEntry?[pages];
        _firstItem = economy.Register(this, pages);
        Host = new HostTier(hostPages, secondsPerToken, DropIfDone);
    }

    /// <inheritdoc/>
    public int EvictablePages { get; private set; }

    /// <summary>Modules by content.</summary>
    public required ModuleIndex Index { get; init; }

    /// <summary>Host memory behind the pool.</summary>
    public HostTier Host { get; }

    /// <summary>Modules resident.</summary>
    public int Count { get; private set; }

    /// <summary>Pages of resident and loading modules.</summary>
    public int Pages { get; private set; }

    /// <summary>Encodings completed so far.</summary>
    public long Encodes { get; private set; }

    /// <summary>Loads from host memory ordered so far.</summary>
    public long Loads { get; private set; }

    /// <summary>Idle modules evicted so far.</summary>
    public long Evictions { get; private set; }

    /// <summary>Every module known, and those that a lost device still copies; in no particular order.</summary>
    public IEnumerable<ModuleEntry> All => Index.All.Concat(_transfers.Select(static pending => pending.Entry).Where(static entry => entry.Abandoned));

    /// <summary>Sequences do not keep what they import: a mistake planted by the simulation.</summary>
    public bool Unpinned { get; init; }

    /// <summary>A pinned module is offered for eviction like any other: a mistake planted by the simulation.</summary>
    public bool EvictPinned { get; init; }

    /// <summary>Host pages of a load are given away while it reads them: a mistake planted by the simulation.</summary>
    public bool LoseHostPages { get; init; }

    /// <summary>Counts a queued sequence that needs a module.</summary>
    public static void AddWaiter(ModuleEntry entry) => entry.Waiters++;

    /// <summary>A queued sequence left the queue.</summary>
    public void RemoveWaiter(ModuleEntry entry)
    {
        entry.Waiters--;
        DropIfDone(entry);
    }

    /// <summary>A sequence, an encoding on top of it, or a plan in flight needs a resident module from now on.</summary>
    public void Pin(ModuleEntry entry)
    {
        if (!Unpinned)
        {
            entry.Users++;
            Withdraw(entry);
        }
    }

    /// <summary>Ends one <see cref="Pin"/>.</summary>
    public void Unpin(ModuleEntry entry)
    {
        if (Unpinned)
        {
            return;
        }

        Integrity.Require(entry.Users > 0, "a module is unpinned more often than pinned");
        entry.Users--;
        AwaitCopy(entry);
        OfferIfIdle(entry);
    }

    /// <summary>Keeps a resident module from being evicted until <see cref="ReleaseHolds"/>.</summary>
    public void Hold(ModuleEntry entry)
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

    /// <summary>A tenant wants a module to stay, or no longer.</summary>
    public void Keep(ModuleEntry entry, bool pinned)
    {
        entry.Pinned = pinned;
        Withdraw(entry);
        OfferIfIdle(entry);
        DropIfDone(entry);
    }

    /// <summary>A sequence starts to compute a module.</summary>
    public static void BeginEncode(ModuleEntry entry) => entry.State = ModuleState.Encoding;

    /// <summary>A module is computed; the pages are its own from now on.</summary>
    public void EndEncode(ModuleEntry entry, IReadOnlyList<PageId> pages)
    {
        Encodes++;
        entry.Preemptions = 0;
        entry.Charged = false;
        entry.Lease = new PageLease(_supply, pages);
        BecomeResident(entry);
        AwaitCopy(entry);
    }

    /// <summary>The sequence that computed a module gave up.</summary>
    public void AbortEncode(ModuleEntry entry)
    {
        entry.State = ModuleState.Absent;
        DropIfDone(entry);
    }

    /// <summary>Tries to start bringing an absent module back from host memory.</summary>
    public ModuleAttempt TryLoad(ModuleEntry entry, out ModuleTransfer? transfer)
    {
        transfer = null;
        if (CountTransfers(toHost: false) == MaxCopies)
        {
            return ModuleAttempt.Busy;
        }

        if (_supply.TryLease(entry.PageCount) is not { } lease)
        {
            return ModuleAttempt.NoRoom;
        }

        Host.Withdraw(entry);
        entry.Lease = lease;
        entry.State = ModuleState.Loading;
        Pages += entry.PageCount;
        Loads++;
        transfer = Order(entry, toHost: false);
        if (LoseHostPages)
        {
            Host.Drop(entry);
        }

        return ModuleAttempt.Ordered;
    }

    /// <summary>The next module that is to be copied to host memory; null when there is none, or enough are under way.</summary>
    public ModuleTransfer? NextCopy()
    {
        while (CountTransfers(toHost: true) < MaxCopies && _uncopied.TryDequeue(out var entry))
        {
            entry.AwaitsCopy = false;
            if (entry is { State: ModuleState.Resident, HostPages: null, Transfer: null } && Host.TryTake(entry))
            {
                Withdraw(entry);
                return Order(entry, toHost: true);
            }
        }

        return null;
    }

    /// <summary>A copy is done, or failed. An answer that nobody waits for is ignored.</summary>
    public void EndTransfer(long number, bool failed)
    {
        var place = _transfers.FindIndex(pending => pending.Transfer.Number == number);
        if (place < 0)
        {
            return;
        }

        var (transfer, entry) = _transfers[place];
        _transfers.RemoveAt(place);
        entry.Transfer = null;
        var lost = failed || entry.Abandoned;
        if (lost)
        {
            Host.Drop(entry);
        }
        else
        {
            Host.Offer(entry);
        }

        var abandoned = entry.Abandoned;
        entry.Abandoned = false;
        if (transfer.ToHost ? abandoned : lost)
        {
            Unload(entry);
        }
        else if (!transfer.ToHost)
        {
            Pages -= entry.PageCount; // Counted again as a resident one's.
            BecomeResident(entry);
        }

        OfferIfIdle(entry);
        DropIfDone(entry);
    }

    /// <inheritdoc/>
    public void Evict(int index)
    {
        var entry = _byFirstPage[index] ?? throw new InvalidOperationException($"No module at page {index} to evict.");
        Evictions++;
        EvictablePages -= entry.PageCount;
        Unload(entry);
        DropIfDone(entry);
    }

    /// <summary>
    /// The device lost all that it held, copies too. What is being copied keeps its pages until that is answered, out of the index: nobody finds it any more.
    /// </summary>
    public void Lose()
    {
        foreach (var entry in Index.All.OrderBy(static entry => entry.Lease?.Pages[0].Value ?? int.MaxValue).ToArray())
        {
            if (entry.Transfer is not null)
            {
                Detach(entry);
                continue;
            }

            Host.Drop(entry);
            if (entry.State == ModuleState.Resident)
            {
                Withdraw(entry);
                Unload(entry);
            }

            DropIfDone(entry);
        }
    }

    /// <summary>Throws unless entries, pages, offers and copies agree.</summary>
    public void CheckIntegrity()
    {
        Host.CheckIntegrity();
        var (count, pages, evictable) = (0, 0, 0);
        foreach (var entry in All)
        {
            var item = entry.State == ModuleState.Resident ? entry.Lease!.Pages[0].Value : -1;
            var offered = item >= 0 && _economy.Contains(_firstItem + item);
            Integrity.Require((entry.Lease is null) == (entry.State is ModuleState.Absent or ModuleState.Encoding), $"a module that is {entry.State} has the wrong pages");
            Integrity.Require(item < 0 || ReferenceEquals(_byFirstPage[item], entry), $"a resident module is not at its page {item}");
            Integrity.Require(offered == IsIdle(entry), "a module is offered for eviction wrongly");
            Integrity.Require(entry.Users == 0 || entry.State == ModuleState.Resident, $"a module in use is {entry.State}");
            count += item >= 0 ? 1 : 0;
            pages += entry.Lease?.Pages.Count ?? 0;
            evictable += offered ? entry.PageCount : 0;
        }

        Integrity.Require(count == Count && pages == Pages && evictable == EvictablePages, $"{count} modules on {pages} pages, {evictable} idle; {Count}, {Pages} and {EvictablePages} are counted");
    }

    private bool IsIdle(ModuleEntry entry) =>
        entry is { State: ModuleState.Resident, Users: 0, Held: false, Transfer: null } && (!entry.Pinned || EvictPinned);

    private void Detach(ModuleEntry entry)
    {
        entry.Abandoned = true;
        Index.Remove(entry);
    }

    private void AwaitCopy(ModuleEntry entry)
    {
        if (Host.TotalPages > 0 && entry is { Users: 0, HostPages: null, AwaitsCopy: false, State: ModuleState.Resident })
        {
            entry.AwaitsCopy = true;
            _uncopied.Enqueue(entry);
        }
    }

    private int CountTransfers(bool toHost)
    {
        var count = 0;
        foreach (var (transfer, _) in _transfers)
        {
            count += transfer.ToHost == toHost ? 1 : 0;
        }

        return count;
    }

    private ModuleTransfer Order(ModuleEntry entry, bool toHost)
    {
        entry.Transfer = new ModuleTransfer(++_lastTransfer, toHost, entry.Lease!.Pages, entry.HostPages!);
        _transfers.Add((entry.Transfer, entry));
        return entry.Transfer;
    }

    private void BecomeResident(ModuleEntry entry)
    {
        entry.State = ModuleState.Resident;
        _byFirstPage[entry.Lease!.Pages[0].Value] = entry;
        Count++;
        Pages += entry.PageCount;
        OfferIfIdle(entry);
    }

    // Pages are given back; the entry stays as long as somebody wants it or host memory has it.
    private void Unload(ModuleEntry entry)
    {
        if (entry.State == ModuleState.Resident)
        {
            _byFirstPage[entry.Lease!.Pages[0].Value] = null;
            Count--;
        }

        Pages -= entry.PageCount;
        entry.Lease!.Dispose();
        entry.Lease = null;
        entry.State = ModuleState.Absent;
    }

    private void OfferIfIdle(ModuleEntry entry)
    {
        if (!IsIdle(entry) || _economy.Contains(_firstItem + entry.Lease!.Pages[0].Value))
        {
            return;
        }

        var encode = entry.Module.Tokens.Count * _secondsPerToken;
        var cost = entry.HasCopy ? Math.Min(encode, entry.PageCount * _secondsPerPage) : encode;
        _economy.Offer(_firstItem + entry.Lease!.Pages[0].Value, Math.Max(1, entry.Uses), cost, entry.PageCount);
        EvictablePages += entry.PageCount;
    }

    private void Withdraw(ModuleEntry entry)
    {
        if (entry.State == ModuleState.Resident && _economy.Contains(_firstItem + entry.Lease!.Pages[0].Value))
        {
            _economy.Withdraw(_firstItem + entry.Lease!.Pages[0].Value);
            EvictablePages -= entry.PageCount;
        }
    }

    private void DropIfDone(ModuleEntry entry)
    {
        if (entry is { State: ModuleState.Absent, Waiters: 0, Pinned: false, HostPages: null, Transfer: null })
        {
            Index.Remove(entry);
        }
    }
}
