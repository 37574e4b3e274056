namespace Serving.Core.Memory;

/// <summary>A page of the pool, counted from 0.</summary>
public readonly record struct PageId(int Value);

/// <summary>An entry of a page table: a page and how many of its slots belong to the sequence.</summary>
/// <param name="Page">The page.</param>
/// <param name="ValidLength">Valid slots, 1 … 16, from slot 0.</param>
public readonly record struct PageEntry(PageId Page, int ValidLength);

/// <summary>The first slots of a page copied to another before a step computes.</summary>
/// <param name="Source">Page read.</param>
/// <param name="Destination">Page written.</param>
/// <param name="Tokens">Slots copied, from slot 0.</param>
public readonly record struct PageCopy(PageId Source, PageId Destination, int Tokens);
