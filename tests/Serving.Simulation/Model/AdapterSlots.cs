using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Simulation.Failures;

namespace Serving.Simulation.Model;

/// <summary>The fake device's adapter slots: whose load was ordered for each, and whether it is done. A slot keeps what it has until another load is ordered for it.</summary>
internal sealed class AdapterSlots(int count, FakePages pages)
{
    private readonly AdapterLoad?[] _loads = new AdapterLoad?[count];
    private readonly bool[] _ready = new bool[count];

    /// <summary>Number of slots.</summary>
    public int Count => count;

    /// <summary>The load that a slot was last given.</summary>
    public AdapterLoad? this[int slot] => _loads[slot];

    /// <summary>An order to load: from now on the pages may change.</summary>
    public void Begin(AdapterLoad load)
    {
        if ((uint)load.Slot >= (uint)count)
        {
            throw new InvariantViolation("07 adapter slots", $"load into slot {load.Slot} of {count}");
        }

        _loads[load.Slot] = load;
        _ready[load.Slot] = false;
        Fill(load);
    }

    /// <summary>The load is done. Pages are written once more: a load writes at any time until it is done.</summary>
    public void End(AdapterLoad load)
    {
        _ready[load.Slot] = true;
        Fill(load);
    }

    /// <summary>The adapter that rows of a slot are computed with: it must be the one asked for, loaded, and whole.</summary>
    public ulong Use(int slot, Digest wanted)
    {
        if (slot < 0)
        {
            return wanted.IsNone ? 0UL : throw new InvariantViolation("08 digest of admission", "rows of an adapter run on the base model");
        }

        var load = slot < count ? _loads[slot] : null;
        if (load is null || !_ready[slot] || load.Digest != wanted)
        {
            throw new InvariantViolation("08 digest of admission", $"slot {slot} holds {(load is null ? "nothing" : _ready[slot] ? "another adapter" : "an adapter not loaded yet")}");
        }

        var mark = Fingerprint.Of(wanted);
        foreach (var page in load.Pages)
        {
            if (pages.MarkOf(page) != mark)
            {
                throw new InvariantViolation("07 adapter slots", $"page {page.Value} of the adapter in slot {slot} was overwritten while in use");
            }
        }

        return mark;
    }

    private void Fill(AdapterLoad load)
    {
        foreach (var page in load.Pages)
        {
            pages.Mark(page, Fingerprint.Of(load.Digest));
        }
    }
}
