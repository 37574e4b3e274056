namespace Serving.Core.Memory;

/// <summary>
/// The pages that hold a sequence's keys and values, in the order of its tokens: first a head of spliced pages, each with the valid length that it came with (the last page of a module is
/// partly filled), then pages of its own, of which every one but the last in use is full. Entries know no reference counts, whoever adds or drops a page does the counting.
/// <code>
/// ordinal   0 ……………… 15  16 … 20 | 21 ……………… 36  37 …
/// entry     0 (16 valid)  1 (5)   | 2 (16)        3 (as far as computed)
///           head: read only       | own: token o lies in entry 2 + (o − 21) ÷ 16
/// </code>
/// </summary>
internal sealed class PageTable
{
    private readonly PageId[] _pages;
    private readonly int[] _headLengths;

    /// <summary>An empty table.</summary>
    /// <param name="own">Room for pages of its own.</param>
    /// <param name="head">Room for spliced pages.</param>
    public PageTable(int own, int head = 0)
    {
        _pages = new PageId[head + own];
        _headLengths = head == 0 ? [] : new int[head];
    }

    /// <summary>Pages in the table.</summary>
    public int Count { get; private set; }

    /// <summary>Pages of the spliced head.</summary>
    public int HeadCount { get; private set; }

    /// <summary>Tokens in the spliced head.</summary>
    public int HeadTokens { get; private set; }

    /// <summary>The first tokens of its own go to the free slots of the head's last page: a mistake planted by the simulation.</summary>
    public bool FillsHead { get; init; }

    /// <summary>Tokens that fit into the pages in the table.</summary>
    public int TokenCapacity => HeadTokens + ((Count - HeadCount) * PagePool.SlotsPerPage);

    /// <summary>The pages.</summary>
    public ReadOnlySpan<PageId> Pages => _pages.AsSpan(0, Count);

    /// <summary>The pages of its own.</summary>
    public ReadOnlySpan<PageId> OwnPages => _pages.AsSpan(HeadCount, Count - HeadCount);

    /// <summary>A page by its place; setting it replaces the page by one of equal content.</summary>
    public PageId this[int index]
    {
        get => Pages[index];
        set => _pages.AsSpan(0, Count)[index] = value;
    }

    /// <summary>Adds a page to the head; nothing of its own is there yet.</summary>
    public void Splice(PageId page, int validLength)
    {
        Integrity.Require(HeadCount == Count, "a page is spliced behind a sequence's own");
        _headLengths[HeadCount++] = validLength;
        HeadTokens += validLength;
        Add(page);
    }

    /// <summary>Adds a page at the end.</summary>
    public void Add(PageId page) => _pages[Count++] = page;

    /// <summary>Adds a page of another table, to the head where it lies in that one's.</summary>
    public void Take(PageTable other, int index)
    {
        if (index < other.HeadCount)
        {
            Splice(other[index], other._headLengths[index]);
        }
        else
        {
            Add(other[index]);
        }
    }

    /// <summary>Takes the last page away.</summary>
    public PageId RemoveLast()
    {
        if (HeadCount == Count)
        {
            HeadTokens -= _headLengths[--HeadCount];
        }

        return _pages[--Count];
    }

    /// <summary>Entries that hold the first <paramref name="tokens"/> tokens, more than the head's.</summary>
    public int EntriesFor(int tokens) => HeadCount + PagePool.PagesFor(tokens - HeadTokens);

    /// <summary>Writes the entries that hold the first <paramref name="tokens"/> tokens, more than the head's.</summary>
    /// <returns>How many entries that are.</returns>
    public int Write(int tokens, Span<PageEntry> destination)
    {
        var count = EntriesFor(tokens);
        for (var i = 0; i < count; i++)
        {
            destination[i] = new PageEntry(_pages[i], i < HeadCount ? _headLengths[i] : PagePool.SlotsPerPage);
        }

        if (FillsHead && HeadCount > 0)
        {
            var more = Math.Min(PagePool.SlotsPerPage - destination[HeadCount - 1].ValidLength, tokens - HeadTokens);
            destination[HeadCount - 1] = new PageEntry(_pages[HeadCount - 1], destination[HeadCount - 1].ValidLength + more);
            tokens -= more;
            count = EntriesFor(tokens);
        }

        var last = tokens - HeadTokens - ((count - 1 - HeadCount) * PagePool.SlotsPerPage);
        destination[count - 1] = new PageEntry(_pages[count - 1], last);
        return count;
    }
}
