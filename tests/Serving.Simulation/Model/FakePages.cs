using Serving.Core.Memory;
using Serving.Simulation.Failures;

namespace Serving.Simulation.Model;

/// <summary>
/// The fake device's memory: what a page's 16 slots were last written with. Nothing is ever cleared, so a wrong or stale page is read as what it is; a
/// page that belongs to an adapter bears its mark until keys and values are written over it.
/// </summary>
internal sealed class FakePages
{
    /// <summary>Slots of a page.</summary>
    public const int Slots = 16;

    private readonly int[] _tokens;
    private readonly int[] _positions;
    private readonly ulong[] _adapters;
    private readonly ulong[] _salts;
    private readonly ulong[] _contents;
    private readonly ulong[] _marks;

    /// <summary>Memory of <paramref name="count"/> pages, never written.</summary>
    public FakePages(int count)
    {
        Count = count;
        _tokens = new int[count * Slots];
        _positions = new int[count * Slots];
        _adapters = new ulong[count * Slots];
        _salts = new ulong[count * Slots];
        _contents = new ulong[count * Slots];
        _marks = new ulong[count];
        States = new FakeStates(count);
        Array.Fill(_tokens, -1);
    }

    /// <summary>Recurrent states in the same pages.</summary>
    public FakeStates States { get; }

    /// <summary>Number of pages.</summary>
    public int Count { get; }

    /// <summary>Slots written since the start, over all pages.</summary>
    public long Writes { get; private set; }

    /// <summary>The token that a slot was written for; −1 if it never was.</summary>
    public int TokenAt(PageId page, int slot) => _tokens[Index(page, slot)];

    /// <summary>The position that a slot was written for.</summary>
    public int PositionAt(PageId page, int slot) => _positions[Index(page, slot)];

    /// <summary>The adapter that a slot was computed with.</summary>
    public ulong AdapterAt(PageId page, int slot) => _adapters[Index(page, slot)];

    /// <summary>The salt of the tenant that a slot was computed for.</summary>
    public ulong SaltAt(PageId page, int slot) => _salts[Index(page, slot)];

    /// <summary>What a slot's keys and values are.</summary>
    public ulong ContentAt(PageId page, int slot) => _contents[Index(page, slot)];

    /// <summary>The adapter whose cells a page holds; 0 is none.</summary>
    public ulong MarkOf(PageId page) => _marks[page.Value];

    /// <summary>The salt of what every tenant shares: a public schema's modules.</summary>
    public const ulong PublicSalt = 1;

    /// <summary>Keys and values of one token go to a slot.</summary>
    public void Write(PageId page, int slot, int token, int position, ulong adapter, ulong salt, ulong content)
    {
        var index = Index(page, slot);
        _tokens[index] = token;
        _positions[index] = position;
        _adapters[index] = adapter;
        _salts[index] = salt;
        _contents[index] = content;
        _marks[page.Value] = 0;
        States.Clear(page);
        Writes++;
    }

    /// <summary>A token's contribution to the state that a later row reads.</summary>
    public ulong Read(ulong state, PageId page, int slot, ulong adapter, ulong salt)
    {
        var index = Index(page, slot);
        if (_tokens[index] < 0 || States.IsPart(page) || _marks[page.Value] != 0)
        {
            throw new InvariantViolation("03 written before read", $"slot {slot} of page {page.Value} holds no keys and values");
        }

        if (_adapters[index] != adapter || (_salts[index] != salt && _salts[index] != PublicSalt))
        {
            throw new InvariantViolation("05 one adapter and tenant per page", $"slot {slot} of page {page.Value} was computed for another {(_adapters[index] == adapter ? "tenant" : "adapter")}");
        }

        return TokenRule.Read(state, _contents[index]);
    }

    /// <summary>Copies the first slots of a page.</summary>
    public void Copy(PageCopy copy)
    {
        for (var slot = 0; slot < copy.Tokens; slot++)
        {
            var from = Index(copy.Source, slot);
            Write(copy.Destination, slot, _tokens[from], _positions[from], _adapters[from], _salts[from], _contents[from]);
        }
    }

    /// <summary>Cells of an adapter go to a page: keys and values that were there are gone.</summary>
    public void Mark(PageId page, ulong adapter)
    {
        _marks[page.Value] = adapter;
        States.Clear(page);
        _tokens.AsSpan(page.Value * Slots, Slots).Fill(-1);
    }

    /// <summary>A copy from host memory goes to a page: what was there is gone.</summary>
    public void Spoil(PageId page)
    {
        States.Clear(page);
        _marks[page.Value] = 0;
        _tokens.AsSpan(page.Value * Slots, Slots).Fill(-1);
    }

    /// <summary>A version of a recurrent state goes to pages: keys, values and cells that were there are gone.</summary>
    public void WriteState(ReadOnlySpan<PageId> version, ulong recurrent, ulong adapter, ulong salt)
    {
        foreach (var page in version)
        {
            Spoil(page);
        }

        States.Write(version, recurrent, adapter, salt);
    }

    /// <summary>All that a page holds.</summary>
    public PageImage ImageOf(PageId page)
    {
        var slots = new Range(page.Value * Slots, (page.Value + 1) * Slots);
        return new PageImage(_tokens[slots], _positions[slots], _adapters[slots], _salts[slots], _contents[slots]);
    }

    /// <summary>A page holds what an image says.</summary>
    public void Restore(PageId page, PageImage image)
    {
        _marks[page.Value] = 0;
        States.Clear(page);
        image.Tokens.CopyTo(_tokens, page.Value * Slots);
        image.Positions.CopyTo(_positions, page.Value * Slots);
        image.Adapters.CopyTo(_adapters, page.Value * Slots);
        image.Salts.CopyTo(_salts, page.Value * Slots);
        image.Contents.CopyTo(_contents, page.Value * Slots);
    }

    /// <summary>The device is lost: nothing is left of what was written.</summary>
    public void Wipe()
    {
        Array.Fill(_tokens, -1);
        Array.Clear(_marks);
        States.Wipe();
    }

    private int Index(PageId page, int slot)
    {
        if ((uint)page.Value >= (uint)Count || (uint)slot >= Slots)
        {
            throw new InvariantViolation("01 pages exist", $"slot {slot} of page {page.Value}");
        }

        return (page.Value * Slots) + slot;
    }
}
