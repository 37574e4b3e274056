namespace Serving.Core.Memory;

/// <summary>Ownership of pages as a value; disposing it gives them back, once.</summary>
internal sealed class PageLease : IDisposable
{
    private PageSupply? _supply;

    /// <summary>Owns <paramref name="pages"/>, each leased with one reference.</summary>
    public PageLease(PageSupply supply, IReadOnlyList<PageId> pages)
    {
        _supply = supply;
        Pages = pages;
    }

    /// <summary>The pages owned.</summary>
    public IReadOnlyList<PageId> Pages { get; }

    /// <summary>Gives the pages back.</summary>
    public void Dispose()
    {
        var supply = _supply;
        _supply = null;
        for (var i = 0; supply is not null && i < Pages.Count; i++)
        {
            supply.Release(Pages[i]);
        }
    }
}
