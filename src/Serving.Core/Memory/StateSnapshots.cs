namespace Serving.Core.Memory;

/// <summary>
/// Snapshots of recurrent states, each behind the last token of a sealed page: a version of the state that is kept, a list of pages which nobody writes any more. Who finds the page in the
/// prefix cache reads it and goes on from there. While somebody holds its pages it stays; then it is offered to the eviction economy at what computing its state again costs, and goes before its
/// page does, without which nobody would find it. Its idle pages are cached ones of the pool, and counted with them.
/// </summary>
internal sealed class StateSnapshots : IEvictable
{
    private const int None = -1;
    private readonly PagePool _pool;
    private readonly EvictionEconomy _economy;
    private readonly double _secondsPerToken;
    private readonly PageId[]?[] _versions;
    private readonly long[] _uses;
    private readonly int[] _owners;
    private readonly Action<PageId> _evicted;
    private readonly int _firstItem;

    /// <summary>No snapshots.</summary>
    /// <param name="pool">The pages.</param>
    /// <param name="economy">Where idle snapshots are offered.</param>
    /// <param name="secondsPerToken">Time to recompute a token.</param>
    /// <param name="evicted">Told of a sealed page that lost its snapshot.</param>
    public StateSnapshots(PagePool pool, EvictionEconomy economy, double secondsPerToken, Action<PageId> evicted)
    {
        _pool = pool;
        _economy = economy;
        _secondsPerToken = secondsPerToken;
        _versions = new PageId[]?[pool.TotalCount];
        _uses = new long[pool.TotalCount];
        _owners = new int[pool.TotalCount];
        _owners.AsSpan().Fill(None);
        _evicted = evicted;
        _firstItem = economy.Register(this, pool.TotalCount);
    }

    /// <summary>None of its own: they are cached pages of the pool, which the prefix cache counts.</summary>
    public int EvictablePages => 0;

    /// <summary>Snapshots now.</summary>
    public int Count { get; private set; }

    /// <summary>Snapshots taken so far.</summary>
    public long Taken { get; private set; }

    /// <summary>Snapshots evicted so far.</summary>
    public long Evictions { get; private set; }

    /// <summary>The snapshot behind a page; null when there is none.</summary>
    public PageId[]? Of(PageId page) => _versions[page.Value];

    /// <summary>The sealed page whose snapshot a page belongs to; null when it belongs to none.</summary>
    public PageId? OwnerOf(PageId page) => _owners[page.Value] == None ? null : new PageId(_owners[page.Value]);

    /// <summary>Keeps a version as the snapshot behind a sealed page that has none.</summary>
    /// <param name="page">The sealed page.</param>
    /// <param name="version">Pages that the caller holds, and gives back in this order.</param>
    public void Add(PageId page, PageId[] version)
    {
        Integrity.Require(Of(page) is null, $"page {page.Value} has two snapshots");
        _versions[page.Value] = version;
        _uses[page.Value] = 1;
        foreach (var part in version)
        {
            _pool.Keep(part);
            _owners[part.Value] = page.Value;
        }

        Count++;
        Taken++;
    }

    /// <summary>Counts a hit.</summary>
    public void Use(PageId page) => _uses[page.Value]++;

    /// <summary>The snapshot behind a page has a holder.</summary>
    public void Busy(PageId page) => _economy.Withdraw(_firstItem + page.Value);

    /// <summary>Whether a page is the last one of the snapshot behind a page: the one that is given back last.</summary>
    public bool IsLast(PageId page, PageId part) => part == _versions[page.Value]![^1];

    /// <summary>The last page of the snapshot behind a page lost its last holder: the snapshot can be evicted.</summary>
    /// <param name="page">The sealed page.</param>
    /// <param name="tokens">Tokens that recomputing it takes, from the snapshot before it.</param>
    public void Idle(PageId page, int tokens) =>
        _economy.Offer(_firstItem + page.Value, _uses[page.Value], tokens * _secondsPerToken, _versions[page.Value]!.Length);

    /// <inheritdoc/>
    public void Evict(int index)
    {
        var version = _versions[index]!;
        _versions[index] = null;
        foreach (var part in version)
        {
            _owners[part.Value] = None;
            _pool.Forget(part);
        }

        Count--;
        Evictions++;
        _evicted(new PageId(index));
    }

    /// <summary>Throws unless every snapshot's pages are its own, and it is offered when nobody holds them.</summary>
    /// <param name="isSealed">Whether a page is in the prefix cache.</param>
    public void CheckIntegrity(Func<PageId, bool> isSealed)
    {
        var (count, parts) = (0, 0);
        for (var i = 0; i < _versions.Length; i++)
        {
            var version = _versions[i] ?? [];
            var idle = 0;
            foreach (var part in version)
            {
                Integrity.Require(_owners[part.Value] == i && !isSealed(part), $"page {part.Value} is part of the snapshot of page {i} and of something else");
                Integrity.Require(_pool.StateOf(part) != PageState.Free, $"page {part.Value} is part of a snapshot and free");
                idle += _pool.StateOf(part) == PageState.Cached ? 1 : 0;
            }

            Integrity.Require(version.Length == 0 || isSealed(new PageId(i)), $"page {i} is not sealed and has a snapshot");
            Integrity.Require(idle == 0 || idle == version.Length, $"{idle} of {version.Length} pages of a snapshot are held by nobody");
            Integrity.Require(_economy.Contains(_firstItem + i) == (idle > 0), $"the snapshot of page {i} is offered for eviction wrongly");
            count += version.Length > 0 ? 1 : 0;
            parts += version.Length;
        }

        Integrity.Require(count == Count && parts == _owners.Count(static owner => owner != None), $"{count} pages have snapshots of {parts} pages, {Count} are counted");
    }
}
