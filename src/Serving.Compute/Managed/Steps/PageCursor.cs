using Serving.Compute.Steps;

namespace Serving.Compute.Managed.Steps;

/// <summary>Walks the valid slots of a page table in the order of their ordinals.</summary>
internal ref struct PageCursor(ReadOnlySpan<StepPage> entries)
{
    private readonly ReadOnlySpan<StepPage> _entries = entries;
    private int _entry;
    private int _slot;

    /// <summary>Passes over slots.</summary>
    public void Skip(int count)
    {
        for (var passed = 0; passed < count;)
        {
            passed += Take(count - passed, out _, out _);
        }
    }

    /// <summary>Takes up to <paramref name="wanted"/> slots of the current page, at least one; returns how many.</summary>
    public int Take(int wanted, out int page, out int slot)
    {
        var entry = _entries[_entry];
        page = entry.Page;
        slot = _slot;
        var taken = Math.Min(wanted, entry.ValidLength - _slot);
        _slot += taken;
        if (_slot == entry.ValidLength)
        {
            _entry++;
            _slot = 0;
        }

        return taken;
    }
}
