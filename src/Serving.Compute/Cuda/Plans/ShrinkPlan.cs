using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Kernels;

namespace Serving.Compute.Cuda.Plans;

/// <summary>What a shrink list depends on: a Linear's slices and its input width.</summary>
/// <param name="FirstSlice">Index of the Linear's first slice in the model.</param>
/// <param name="SliceCount">Its slices.</param>
/// <param name="InputWidth">Its input width.</param>
internal readonly record struct ShrinkSite(int FirstSlice, int SliceCount, int InputWidth)
{
    /// <summary>Partial planes: chunks of its input.</summary>
    public int Chunks => (InputWidth + LoraParameters.ShrinkChunk - 1) / LoraParameters.ShrinkChunk;
}

/// <summary>
/// The work of a step's shrinks: an item is two rank blocks of a slice over one chunk of input columns for the rows of a tile, so that a list costs what its
/// ranks sum up to. Lists count slices from the Linear's first: Linears for which the step's adapters have equal ranks (the layers of a model, as a rule) share one.
/// </summary>
internal sealed class ShrinkPlan
{
    private readonly ShrinkSite[] _sites;
    private readonly ListRange[] _ranges;
    private ShrinkItem[] _items = [];
    private int _itemCount;

    /// <summary>Prepares lists for a model's Linears.</summary>
    public ShrinkPlan(IReadOnlyList<ShrinkSite> sites)
    {
        _sites = [.. sites];
        _ranges = new ListRange[_sites.Length];
    }

    /// <summary>The items of all lists.</summary>
    public ReadOnlySpan<ShrinkItem> Items => _items.AsSpan(0, _itemCount);

    /// <summary>Each site's part of <see cref="Items"/>, in the order of the sites.</summary>
    public ReadOnlySpan<ListRange> Ranges => _ranges;

    /// <summary>Items that a step can take at most: every tile with an adapter of the largest rank.</summary>
    /// <param name="sites">The model's Linears.</param>
    /// <param name="tiles">Tiles of the largest step.</param>
    /// <param name="largestRank">Largest rank of an adapter.</param>
    public static long Capacity(IReadOnlyList<ShrinkSite> sites, int tiles, int largestRank)
    {
        var pairs = (largestRank + (2 * AdapterLayout.CellRanks) - 1) / (2 * AdapterLayout.CellRanks);
        return sites.Sum(site => (long)tiles * site.SliceCount * pairs * site.Chunks);
    }

    /// <summary>Makes the lists of a step.</summary>
    /// <param name="tiles">The step's rows.</param>
    /// <param name="rankBlocks">Rank blocks by slot and slice of the model, <paramref name="modelSlices"/> per slot; 0 where the adapter has no such slice.</param>
    /// <param name="modelSlices">Slices of the model.</param>
    public void Build(ReadOnlySpan<RowTile> tiles, ReadOnlySpan<byte> rankBlocks, int modelSlices)
    {
        _itemCount = 0;
        for (var site = 0; site < _sites.Length; site++)
        {
            var same = FindEqual(site, tiles, rankBlocks, modelSlices);
            _ranges[site] = same >= 0 ? _ranges[same] : Append(_sites[site], tiles, rankBlocks, modelSlices);
        }
    }

    /// <summary>The latest earlier site with the same list: what the layer before has.</summary>
    private int FindEqual(int site, ReadOnlySpan<RowTile> tiles, ReadOnlySpan<byte> rankBlocks, int modelSlices)
    {
        for (var other = site - 1; other >= 0; other--)
        {
            if (_sites[other].SliceCount == _sites[site].SliceCount
                && _sites[other].Chunks == _sites[site].Chunks
                && HaveEqualRanks(_sites[site], _sites[other], tiles, rankBlocks, modelSlices))
            {
                return other;
            }
        }

        return -1;
    }

    private static bool HaveEqualRanks(ShrinkSite a, ShrinkSite b, ReadOnlySpan<RowTile> tiles, ReadOnlySpan<byte> rankBlocks, int modelSlices)
    {
        foreach (var tile in tiles)
        {
            if (tile.Slot >= 0)
            {
                var slot = rankBlocks.Slice(tile.Slot * modelSlices, modelSlices);
                if (!slot.Slice(a.FirstSlice, a.SliceCount).SequenceEqual(slot.Slice(b.FirstSlice, b.SliceCount)))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private ListRange Append(ShrinkSite site, ReadOnlySpan<RowTile> tiles, ReadOnlySpan<byte> rankBlocks, int modelSlices)
    {
        var first = _itemCount;
        foreach (var tile in tiles)
        {
            for (var slice = 0; tile.Slot >= 0 && slice < site.SliceCount; slice++)
            {
                var pairs = (rankBlocks[(tile.Slot * modelSlices) + site.FirstSlice + slice] + 1) / 2;
                for (var unit = 0; unit < pairs * site.Chunks; unit++)
                {
                    Add(new ShrinkItem
                    {
                        FirstRow = tile.FirstRow,
                        Slot = tile.Slot,
                        RowCount = (ushort)tile.RowCount,
                        Slice = (ushort)slice,
                        RankPair = (ushort)(unit / site.Chunks),
                        Chunk = (ushort)(unit % site.Chunks),
                    });
                }
            }
        }

        return new ListRange { First = first, Count = _itemCount - first };
    }

    private void Add(ShrinkItem item)
    {
        if (_itemCount == _items.Length)
        {
            Array.Resize(ref _items, Math.Max(256, 2 * _itemCount));
        }

        _items[_itemCount++] = item;
    }
}
