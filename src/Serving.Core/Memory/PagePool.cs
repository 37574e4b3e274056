namespace Serving.Core.Memory;

/// <summary>
/// The pages of one device: a free list and a reference count per page. At any time <c>free + leased + cached == total</c>. Numbers only: what a page holds, and
/// where, is the backend's.
/// </summary>
public sealed class PagePool
{
    /// <summary>Tokens whose keys and values fit into a page.</summary>
    public const int SlotsPerPage = 16;

    private readonly int[] _references;
    private readonly bool[] _kept;
    private readonly int[] _free;

    /// <summary>A pool of <paramref name="total"/> free pages.</summary>
    public PagePool(int total)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(total);
        _references = new int[total];
        _kept = new bool[total];
        _free = new int[total];
        FreeCount = total;
        for (var i = 0; i < total; i++)
        {
            _free[i] = total - 1 - i;
        }
    }

    /// <summary>All pages.</summary>
    public int TotalCount => _references.Length;

    /// <summary>Pages that hold nothing.</summary>
    public int FreeCount { get; private set; }

    /// <summary>Pages that nobody holds, kept for their content.</summary>
    public int CachedCount { get; private set; }

    /// <summary>Pages held by someone.</summary>
    public int LeasedCount => TotalCount - FreeCount - CachedCount;

    /// <summary>Pages needed for <paramref name="tokens"/> tokens.</summary>
    public static int PagesFor(long tokens) => checked((int)((tokens + SlotsPerPage - 1) / SlotsPerPage));

    /// <summary>Holders of a page.</summary>
    public int ReferencesOf(PageId page) => _references[page.Value];

    /// <summary>The state of a page.</summary>
    public PageState StateOf(PageId page)
    {
        if (_references[page.Value] > 0)
        {
            return PageState.Leased;
        }

        return _kept[page.Value] ? PageState.Cached : PageState.Free;
    }

    /// <summary>Takes a free page with one reference; false when there is none.</summary>
    public bool TryLease(out PageId page)
    {
        if (FreeCount == 0)
        {
            page = default;
            return false;
        }

        page = new PageId(_free[--FreeCount]);
        _references[page.Value] = 1;
        return true;
    }

    /// <summary>Adds a holder to a leased or cached page.</summary>
    public void Retain(PageId page)
    {
        var state = StateOf(page);
        if (state == PageState.Free)
        {
            throw new InvalidOperationException($"Page {page.Value} is free and cannot be shared.");
        }

        CachedCount -= state == PageState.Cached ? 1 : 0;
        _references[page.Value]++;
    }

    /// <summary>Takes a holder away; the page of the last one becomes free, or cached when its content is kept.</summary>
    /// <returns>The page's state from now on.</returns>
    public PageState Release(PageId page)
    {
        if (_references[page.Value] == 0)
        {
            throw new InvalidOperationException($"Page {page.Value} is released and has no holder.");
        }

        if (--_references[page.Value] > 0)
        {
            return PageState.Leased;
        }

        if (_kept[page.Value])
        {
            CachedCount++;
            return PageState.Cached;
        }

        _free[FreeCount++] = page.Value;
        return PageState.Free;
    }

    /// <summary>Marks the content of a leased page as worth keeping after its last holder.</summary>
    public void Keep(PageId page)
    {
        if (StateOf(page) != PageState.Leased)
        {
            throw new InvalidOperationException($"Page {page.Value} is {StateOf(page)}; only a leased page is kept.");
        }

        _kept[page.Value] = true;
    }

    /// <summary>Ends <see cref="Keep"/>: a cached page becomes free.</summary>
    public void Forget(PageId page)
    {
        if (StateOf(page) == PageState.Cached)
        {
            CachedCount--;
            _free[FreeCount++] = page.Value;
        }

        _kept[page.Value] = false;
    }

    /// <summary>Throws unless counts, references and the free list agree.</summary>
    public void CheckIntegrity()
    {
        var free = new bool[TotalCount];
        for (var i = 0; i < FreeCount; i++)
        {
            Integrity.Require(!free[_free[i]], $"page {_free[i]} is on the free list twice");
            free[_free[i]] = true;
        }

        var cached = 0;
        for (var i = 0; i < TotalCount; i++)
        {
            var state = StateOf(new PageId(i));
            Integrity.Require(free[i] == (state == PageState.Free), $"page {i} is {state}, its place on the free list says otherwise");
            cached += state == PageState.Cached ? 1 : 0;
        }

        Integrity.Require(cached == CachedCount, $"{cached} pages are cached, {CachedCount} are counted");
        Integrity.Require(FreeCount + LeasedCount + CachedCount == TotalCount, "free + leased + cached is not the total");
    }
}
