namespace Serving.Core.Memory;

/// <summary>
/// The pages that hold a sequence's keys and values, in the order of its tokens: token o lies in entry o ÷ 16, slot o mod 16. Every entry but the last one in use is full;
/// entries know no reference counts, whoever adds or drops a page does the counting.
/// </summary>
internal sealed class PageTable
{
    private readonly PageId[] _pages;

    /// <summary>An empty table with room for <paramref name="capacity"/> pages.</summary>
    public PageTable(int capacity) => _pages = new PageId[capacity];

    /// <summary>Pages in the table.</summary>
    public int Count { get; private set; }

    /// <summary>Tokens that fit into the pages in the table.</summary>
    public int TokenCapacity => Count * PagePool.SlotsPerPage;

    /// <summary>The pages.</summary>
    public ReadOnlySpan<PageId> Pages => _pages.AsSpan(0, Count);

    /// <summary>A page by its place; setting it replaces the page by one of equal content.</summary>
    public PageId this[int index]
    {
        get => Pages[index];
        set => _pages.AsSpan(0, Count)[index] = value;
    }

    /// <summary>Adds a page at the end.</summary>
    public void Add(PageId page) => _pages[Count++] = page;

    /// <summary>Takes the last page away.</summary>
    public PageId RemoveLast() => _pages[--Count];

    /// <summary>Writes the entries that hold the first <paramref name="tokens"/> tokens, at least one.</summary>
    /// <returns>How many entries that are.</returns>
    public int Write(int tokens, Span<PageEntry> destination)
    {
        var count = PagePool.PagesFor(tokens);
        for (var i = 0; i < count; i++)
        {
            destination[i] = new PageEntry(_pages[i], PagePool.SlotsPerPage);
        }

        destination[count - 1] = new PageEntry(_pages[count - 1], tokens - ((count - 1) * PagePool.SlotsPerPage));

        return count;
    }
}
