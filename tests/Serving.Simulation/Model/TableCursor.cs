using Serving.Core.Memory;
using Serving.Simulation.Failures;

namespace Serving.Simulation.Model;

/// <summary>Walks a page table slot by slot: ordinal after ordinal.</summary>
internal ref struct TableCursor(ReadOnlySpan<PageEntry> table)
{
    private readonly ReadOnlySpan<PageEntry> _table = table;
    private int _entry;
    private int _slot;

    /// <summary>The page of the current ordinal.</summary>
    public readonly PageId Page => _entry < _table.Length
        ? _table[_entry].Page
        : throw new InvariantViolation("06 table covers sequence", $"no slot for a token after {_table.Length} pages");

    /// <summary>Its slot in that page.</summary>
    public readonly int Slot => _slot;

    /// <summary>The entry that holds an ordinal.</summary>
    public static int EntryOf(ReadOnlySpan<PageEntry> table, int ordinal)
    {
        var cursor = new TableCursor(table);
        cursor.Skip(ordinal);
        return cursor._entry;
    }

    /// <summary>Goes on by <paramref name="ordinals"/>.</summary>
    public void Skip(int ordinals)
    {
        _slot += ordinals;
        while (_entry < _table.Length && _slot >= _table[_entry].ValidLength)
        {
            _slot -= _table[_entry].ValidLength;
            _entry++;
        }
    }
}
