using Serving.Core.Memory;

namespace Serving.Core.Modules;

/// <summary>
/// The pages of host memory behind the pool, and who has them. When none is free the copy of the lowest value goes, by the same measure as in the pool:
/// uses × cost of encoding it again ÷ pages. A copy that is being made or read is not offered.
/// </summary>
internal sealed class HostTier : IEvictable
{
    private readonly EvictionEconomy _economy = new();
    private readonly ModuleEntry?[] _holders;
    private readonly Stack<int> _free;
    private readonly double _secondsPerToken;
    private readonly Action<ModuleEntry> _dropped;

    /// <summary>An empty tier.</summary>
    /// <param name="pages">Pages of host memory; 0 is none.</param>
    /// <param name="secondsPerToken">Time to encode a token again: what losing it costs.</param>
    /// <param name="dropped">Told of an entry that lost its copy to another one.</param>
    public HostTier(int pages, double secondsPerToken, Action<ModuleEntry> dropped)
    {
        _holders = new ModuleEntry?[pages];
        _free = new Stack<int>(Enumerable.Range(0, pages).Reverse());
        _secondsPerToken = secondsPerToken;
        _dropped = dropped;
        _economy.Register(this, pages);
    }

    /// <inheritdoc/>
    public int EvictablePages { get; private set; }

    /// <summary>Pages of host memory.</summary>
    public int TotalPages => _holders.Length;

    /// <summary>Pages that hold a copy, or will.</summary>
    public int UsedPages => TotalPages - _free.Count;

    /// <summary>Takes pages for a copy, dropping others; false when they cannot be had.</summary>
    public bool TryTake(ModuleEntry entry)
    {
        if (_free.Count + EvictablePages < entry.PageCount)
        {
            return false;
        }

        while (_free.Count < entry.PageCount)
        {
            _economy.EvictLowest();
        }

        var pages = new int[entry.PageCount];
        for (var i = 0; i < pages.Length; i++)
        {
            pages[i] = _free.Pop();
        }

        _holders[pages[0]] = entry;
        entry.HostPages = pages;
        return true;
    }

    /// <summary>Nobody copies to or from an entry's pages: they can be dropped.</summary>
    public void Offer(ModuleEntry entry)
    {
        if (entry.HostPages is { } pages)
        {
            _economy.Offer(pages[0], Math.Max(1, entry.Uses), entry.Module.Tokens.Count * _secondsPerToken, pages.Length);
            EvictablePages += pages.Length;
        }
    }

    /// <summary>An entry's pages are copied from: they stay.</summary>
    public void Withdraw(ModuleEntry entry)
    {
        if (entry.HostPages is { } pages && _economy.Contains(pages[0]))
        {
            _economy.Withdraw(pages[0]);
            EvictablePages -= pages.Length;
        }
    }

    /// <summary>Gives an entry's pages back.</summary>
    public void Drop(ModuleEntry entry)
    {
        if (entry.HostPages is { } pages)
        {
            Withdraw(entry);
            _holders[pages[0]] = null;
            entry.HostPages = null;
            for (var i = pages.Length - 1; i >= 0; i--)
            {
                _free.Push(pages[i]);
            }
        }
    }

    /// <inheritdoc/>
    public void Evict(int index)
    {
        var entry = _holders[index] ?? throw new InvalidOperationException($"No copy at host page {index} to drop.");
        EvictablePages -= entry.PageCount; // The economy has withdrawn it.
        Drop(entry);
        _dropped(entry);
    }

    /// <summary>Throws unless every page is free or one entry's.</summary>
    public void CheckIntegrity()
    {
        _economy.CheckIntegrity();
        var owned = new bool[_holders.Length];
        foreach (var page in _holders.SelectMany(static holder => holder?.HostPages ?? []).Concat(_free))
        {
            Integrity.Require(!owned[page], $"host page {page} is owned twice");
            owned[page] = true;
        }

        Integrity.Require(Array.TrueForAll(owned, static page => page), "a host page is lost");
        var evictable = 0;
        for (var i = 0; i < _holders.Length; i++)
        {
            Integrity.Require(_economy.Contains(i) == (_holders[i] is { Transfer: null }), $"host page {i} is offered wrongly");
            evictable += _economy.Contains(i) ? _holders[i]!.PageCount : 0;
        }

        Integrity.Require(evictable == EvictablePages, $"{evictable} host pages can be dropped, {EvictablePages} are counted");
    }
}
