namespace Serving.Core.Memory;

/// <summary>What became of a page offered for sealing.</summary>
internal enum SealResult
{
    /// <summary>The page is in the index now.</summary>
    Sealed,

    /// <summary>The index has a page of this content already; the offerer takes that one and frees its own.</summary>
    Duplicate,

    /// <summary>Another content has this key: the page stays private, and so does what follows it.</summary>
    Collision,
}

/// <summary>
/// Index of full pages by content (see <see cref="PrefixKeys"/>). A sealed page is never written again; held by nobody it stays as long as its value says. The sealed pages form a forest:
/// a page's parent holds the tokens before it, and leaves go before parents (a page with a snapshot is none), so that whatever is found can be reached from its root. A key is never trusted
/// alone: a hit has the same root, the same parent page, the same tokens and the same positions.
/// </summary>
internal sealed class PrefixCache : IEvictable
{
    private const int None = -1;
    private const int Slots = PagePool.SlotsPerPage;
    private readonly PagePool _pool;
    private readonly EvictionEconomy _economy;
    private readonly double _pageCost;
    private readonly Dictionary<Digest, int> _pages;
    private readonly Entry[] _entries;
    private readonly int[] _tokens;
    private readonly int[] _positions;
    private readonly int _firstItem;

    /// <summary>An empty index over a pool.</summary>
    /// <param name="pool">The pages.</param>
    /// <param name="economy">Where idle pages are offered.</param>
    /// <param name="secondsPerToken">Time to recompute a token: what losing it costs.</param>
    /// <param name="snapshots">Whether pages may have snapshots of recurrent states.</param>
    public PrefixCache(PagePool pool, EvictionEconomy economy, double secondsPerToken, bool snapshots = false)
    {
        _pool = pool;
        _economy = economy;
        _pageCost = secondsPerToken * Slots;
        _pages = new Dictionary<Digest, int>(pool.TotalCount);
        _entries = new Entry[pool.TotalCount];
        _tokens = new int[pool.TotalCount * Slots];
        _positions = new int[pool.TotalCount * Slots];
        _firstItem = economy.Register(this, pool.TotalCount);
        StateSnapshots = snapshots ? new StateSnapshots(pool, economy, secondsPerToken, OfferLeaf) : null;
    }

    /// <inheritdoc/>
    public int EvictablePages => _pool.CachedCount;

    /// <summary>Snapshots behind sealed pages; null of models without a recurrent state.</summary>
    public StateSnapshots? StateSnapshots { get; }

    /// <summary>Sealed pages.</summary>
    public int Count { get; private set; }

    /// <summary>Pages evicted so far.</summary>
    public long Evictions { get; private set; }

    /// <summary>Leaves an evicted page in the index: a mistake planted by the simulation.</summary>
    public bool KeepEvicted { get; init; }

    /// <summary>Cuts keys to three bits: what the simulation forces so that collisions happen.</summary>
    public bool CollideKeys { get; init; }

    /// <summary>A key is believed without a look at what it stands for: a mistake planted by the simulation.</summary>
    public bool TrustKeys { get; init; }

    /// <summary>A page with a snapshot may go before it: a mistake planted by the simulation.</summary>
    public bool EvictBeforeSnapshot { get; init; }

    /// <summary>Whether a page is in the index.</summary>
    public bool IsSealed(PageId page) => _entries[page.Value].Sealed;

    /// <summary>The key of a sealed page.</summary>
    public Digest KeyOf(PageId page) => _entries[page.Value].Key;

    /// <summary>The sealed page before a sealed one, or null for the first of its chain.</summary>
    public PageId? ParentOf(PageId page) => _entries[page.Value].Parent == None ? null : new PageId(_entries[page.Value].Parent);

    /// <summary>The tokens of a sealed page.</summary>
    public ReadOnlySpan<int> TokensOf(PageId page) => _tokens.AsSpan(page.Value * Slots, Slots);

    /// <summary>The positions of a sealed page's tokens.</summary>
    public ReadOnlySpan<int> PositionsOf(PageId page) => _positions.AsSpan(page.Value * Slots, Slots);

    /// <summary>The page of this content, if there is one.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="root">Root of its chain.</param>
    /// <param name="parent">The page found before it; null at the chain's beginning.</param>
    /// <param name="tokens">Its 16 tokens.</param>
    /// <param name="positions">Their positions.</param>
    public PageId? Find(Digest key, Digest root, PageId? parent, ReadOnlySpan<int> tokens, ReadOnlySpan<int> positions) =>
        _pages.TryGetValue(Cut(key), out var page) && Matches(page, root, parent, tokens, positions) ? new PageId(page) : null;

    /// <summary>Offers a full, computed page that its caller holds, for the index.</summary>
    public SealResult Seal(PageId page, Digest key, Digest root, PageId? parent, ReadOnlySpan<int> tokens, ReadOnlySpan<int> positions, out PageId existing)
    {
        existing = page;
        key = Cut(key);
        if (_pages.TryGetValue(key, out var found))
        {
            existing = new PageId(found);
            return Matches(found, root, parent, tokens, positions) ? SealResult.Duplicate : SealResult.Collision;
        }

        Integrity.Require(!IsSealed(page), $"page {page.Value} is sealed twice");
        _pages.Add(key, page.Value);
        _entries[page.Value] = new Entry { Sealed = true, Key = key, Root = root, Parent = parent?.Value ?? None, Uses = 1 };
        tokens.CopyTo(_tokens.AsSpan(page.Value * Slots, Slots));
        positions.CopyTo(_positions.AsSpan(page.Value * Slots, Slots));
        _pool.Keep(page);
        Count++;
        if (parent is { } before)
        {
            _entries[before.Value].Children++;
        }

        return SealResult.Sealed;
    }

    /// <summary>Counts a hit.</summary>
    public void Use(PageId page) => _entries[page.Value].Uses++;

    /// <summary>A page has a holder: it cannot be evicted.</summary>
    public void Busy(PageId page)
    {
        _economy.Withdraw(_firstItem + page.Value);
        if (StateSnapshots?.OwnerOf(page) is { } owner)
        {
            StateSnapshots.Busy(owner);
        }
    }

    /// <summary>A kept page lost its last holder: it can be evicted once nothing stands on it.</summary>
    public void Idle(PageId page)
    {
        if (StateSnapshots?.OwnerOf(page) is { } owner)
        {
            if (StateSnapshots.IsLast(owner, page))
            {
                StateSnapshots.Idle(owner, TokensSinceSnapshot(owner));
            }
        }
        else if (IsLeaf(page))
        {
            _economy.Offer(_firstItem + page.Value, _entries[page.Value].Uses, _pageCost, pages: 1);
        }
    }

    /// <inheritdoc/>
    public void Evict(int index)
    {
        var page = new PageId(index);
        var parent = _entries[index].Parent;
        if (!KeepEvicted)
        {
            _pages.Remove(_entries[index].Key);
            _entries[index] = default;
            Count--;
        }

        _pool.Forget(page);
        Evictions++;
        if (parent != None)
        {
            _entries[parent].Children--;
            OfferLeaf(new PageId(parent));
        }
    }

    /// <summary>Throws unless index, entries and pool agree.</summary>
    public void CheckIntegrity()
    {
        var count = 0;
        var children = new int[_entries.Length];
        for (var i = 0; i < _entries.Length; i++)
        {
            var page = new PageId(i);
            Integrity.Require(IsSealed(page) || StateSnapshots?.OwnerOf(page) is not null || _pool.StateOf(page) != PageState.Cached, $"page {i} is cached and not in the index");
            if (!IsSealed(page))
            {
                continue;
            }

            count++;
            Integrity.Require(_pages.TryGetValue(KeyOf(page), out var indexed) && indexed == i, $"page {i} is not where its key leads");
            Integrity.Require(_pool.StateOf(page) != PageState.Free, $"page {i} is in the index and free");
            if (ParentOf(page) is { } parent)
            {
                Integrity.Require(IsSealed(parent), $"page {i} is in the index without its parent {parent.Value}");
                children[parent.Value]++;
            }
        }

        Integrity.Require(count == Count && count == _pages.Count, $"{count} pages are sealed, {Count} are counted, {_pages.Count} are indexed");
        for (var i = 0; i < _entries.Length; i++)
        {
            Integrity.Require(_entries[i].Children == children[i], $"page {i} has {children[i]} children, {_entries[i].Children} are counted");
            var evictable = IsSealed(new PageId(i)) && IsLeaf(new PageId(i)) && _pool.StateOf(new PageId(i)) == PageState.Cached;
            Integrity.Require(_economy.Contains(_firstItem + i) == evictable, $"page {i} is offered for eviction wrongly");
        }

        StateSnapshots?.CheckIntegrity(IsSealed);
    }

    private bool IsLeaf(PageId page) => _entries[page.Value].Children == 0 && (StateSnapshots?.Of(page) is null || EvictBeforeSnapshot);

    private void OfferLeaf(PageId page)
    {
        if (IsLeaf(page) && _pool.StateOf(page) == PageState.Cached)
        {
            Idle(page);
        }
    }

    private int TokensSinceSnapshot(PageId page)
    {
        var tokens = Slots;
        while (ParentOf(page) is { } parent && StateSnapshots!.Of(parent) is null)
        {
            tokens += Slots;
            page = parent;
        }

        return tokens;
    }

    private Digest Cut(Digest key)
    {
        if (!CollideKeys)
        {
            return key;
        }

        Span<byte> bytes = stackalloc byte[Digest.SizeBytes];
        key.CopyTo(bytes);
        bytes[0] &= 7;
        bytes[1..].Clear();
        return new Digest(bytes);
    }

    private bool Matches(int page, Digest root, PageId? parent, ReadOnlySpan<int> tokens, ReadOnlySpan<int> positions)
    {
        ref readonly var entry = ref _entries[page];
        var same = entry.Root == root && entry.Parent == (parent?.Value ?? None);
        return TrustKeys || (same && tokens.SequenceEqual(_tokens.AsSpan(page * Slots, Slots)) && positions.SequenceEqual(_positions.AsSpan(page * Slots, Slots)));
    }

    private struct Entry
    {
        public bool Sealed;
        public Digest Key;
        public Digest Root;
        public int Parent;
        public int Children;
        public long Uses;
    }
}
