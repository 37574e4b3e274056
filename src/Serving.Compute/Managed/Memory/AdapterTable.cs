using Serving.Compute.Adapters;
using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Memory;

/// <summary>The adapters that are bound to slots, and the packing of their cells into pages of the arena.</summary>
internal sealed unsafe class AdapterTable
{
    private readonly IReadOnlyList<LoraSlice> _slices;
    private readonly PageArena _pages;
    private readonly int[] _first;
    private readonly SliceBinding?[]?[] _slots;

    /// <summary>A table of <paramref name="slots"/> empty slots.</summary>
    public AdapterTable(IReadOnlyList<LoraSlice> slices, PageArena pages, int slots)
    {
        _slices = slices;
        _pages = pages;
        _slots = new SliceBinding?[]?[slots];
        _first = new int[slices.Count + 1];
        for (var i = 0; i < slices.Count; i++)
        {
            _first[i + 1] = _first[i] + slices[i].Experts;
        }
    }

    /// <summary>The cells of a slot's slice, of one expert where it has several, or null where the adapter (or the base model, slot −1) leaves it alone.</summary>
    public SliceBinding? Find(int slot, int slice, int expert) => slot < 0 ? null : Volatile.Read(ref _slots[slot])?[_first[slice] + expert];

    /// <summary>Writes all cells and binds them to the slot.</summary>
    public void Pack(int slot, MatrixAdapter prepared, ReadOnlySpan<int> pages)
    {
        var (adapter, layout) = (prepared.Weights, prepared.Layout);
        if (pages.Length < layout.PageCount)
        {
            throw new ArgumentException($"The adapter takes {layout.PageCount} pages, {pages.Length} were given.", nameof(pages));
        }

        var bindings = new SliceBinding?[_first[^1]];
        for (var i = 0; i < adapter.Slices.Count; i++)
        {
            var slice = adapter.Slices[i];
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slice.Expert, _slices[slice.Slice].Experts, nameof(prepared));
            bindings[_first[slice.Slice] + slice.Expert] = PackSlice(slice, prepared.Factors[i], layout.Slices[i], pages);
        }

        Volatile.Write(ref _slots[slot], bindings);
    }

    private static int Tiles(int width) => (width + AdapterLayout.CellColumns - 1) / AdapterLayout.CellColumns;

    private SliceBinding PackSlice(AdapterSlice adapter, float[] factors, SliceLayout layout, ReadOnlySpan<int> pages)
    {
        var slice = _slices[adapter.Slice];
        var (shrinkTiles, expandTiles) = (Tiles(slice.InputWidth), Tiles(slice.OutputWidth));
        var shrink = new nint[layout.RankBlocks * shrinkTiles];
        var expand = new nint[layout.RankBlocks * expandTiles];
        var factorCells = new nint[AdapterLayout.FactorTiles(factors.Length)];
        foreach (var run in layout.Runs)
        {
            for (var i = 0; i < run.TileCount; i++)
            {
                var cell = (ushort*)(_pages.Page(pages[run.Page]) + ((run.FirstCell + i) * (long)AdapterLayout.CellBytes));
                var tile = run.FirstTile + i;
                if (run.Matrix == CellMatrix.Shrink)
                {
                    shrink[(run.RankBlock * shrinkTiles) + tile] = (nint)cell;
                    PackCell(cell, adapter.A.Span, adapter.Rank, slice.InputWidth, run.RankBlock, tile, slice.InputWidth, 1);
                }
                else if (run.Matrix == CellMatrix.Factor)
                {
                    factorCells[tile] = (nint)cell;
                    PackFactors((float*)cell, factors.AsSpan(tile * AdapterLayout.CellFactors));
                }
                else
                {
                    expand[(run.RankBlock * expandTiles) + tile] = (nint)cell;
                    PackCell(cell, adapter.B.Span, adapter.Rank, slice.OutputWidth, run.RankBlock, tile, 1, adapter.Rank);
                }
            }
        }

        return new SliceBinding(layout.RankBlocks, adapter.Scale, shrinkTiles, expandTiles, shrink, expand, factorCells);
    }

    /// <summary>Fills one cell of factors; those past the last are zero.</summary>
    private static void PackFactors(float* cell, ReadOnlySpan<float> factors)
    {
        var all = new Span<float>(cell, AdapterLayout.CellFactors);
        all.Clear();
        factors[..Math.Min(all.Length, factors.Length)].CopyTo(all);
    }

    /// <summary>Fills one cell; ranks and columns past the matrix are zero.</summary>
    private static void PackCell(ushort* cell, ReadOnlySpan<ushort> matrix, int rank, int width, int block, int tile, int rankStride, int columnStride)
    {
        for (var r = 0; r < AdapterLayout.CellRanks; r++)
        {
            var row = (block * AdapterLayout.CellRanks) + r;
            for (var c = 0; c < AdapterLayout.CellColumns; c++)
            {
                var column = (tile * AdapterLayout.CellColumns) + c;
                var inside = row < rank && column < width;
                cell[OffsetInCell(r, c)] = inside ? matrix[(row * rankStride) + (column * columnStride)] : (ushort)0;
            }
        }
    }

    private static int OffsetInCell(int rank, int column) =>
        (rank * AdapterLayout.CellColumns) + (column / PackedWeight.PanelWidth * PackedWeight.PanelWidth) + PackedWeight.PositionOf(column % PackedWeight.PanelWidth);
}
