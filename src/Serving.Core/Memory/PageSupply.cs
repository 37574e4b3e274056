namespace Serving.Core.Memory;

/// <summary>The one door to the pool: takes free pages, and gives up idle things when there are none; gives pages back to where their content belongs.</summary>
internal sealed class PageSupply
{
    private readonly PagePool _pool;
    private readonly PrefixCache _cache;
    private readonly EvictionEconomy _economy;

    /// <summary>A supply over a pool, the index of its kept pages and the order in which idle things go.</summary>
    public PageSupply(PagePool pool, PrefixCache cache, EvictionEconomy economy)
    {
        _pool = pool;
        _cache = cache;
        _economy = economy;
    }

    /// <summary>Pages that can be had without taking anything from someone who runs.</summary>
    public int Obtainable => _pool.FreeCount + _economy.EvictablePages;

    /// <summary>Takes a page, evicting as long as none is free; false when nothing idle is left.</summary>
    public bool TryTake(out PageId page)
    {
        while (!_pool.TryLease(out page))
        {
            if (!_economy.EvictLowest())
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Takes <paramref name="count"/> pages as a lease, or none; null when they cannot be had.</summary>
    public PageLease? TryLease(int count)
    {
        if (Obtainable < count)
        {
            return null;
        }

        var pages = new PageId[count];
        for (var i = 0; i < count; i++)
        {
            var taken = TryTake(out pages[i]);
            Integrity.Require(taken, "fewer pages can be had than were promised");
        }

        return new PageLease(this, pages);
    }

    /// <summary>Adds a holder to a page; a cached page stops being evictable.</summary>
    public void Share(PageId page)
    {
        _pool.Retain(page);
        _cache.Busy(page);
    }

    /// <summary>Takes a holder away; a sealed page that nobody holds becomes evictable.</summary>
    public void Release(PageId page)
    {
        if (_pool.Release(page) == PageState.Cached)
        {
            _cache.Idle(page);
        }
    }
}
