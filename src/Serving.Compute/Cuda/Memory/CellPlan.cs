using Serving.Compute.Adapters;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>How adapters of one layout are cut into cells, page by page.</summary>
internal sealed class CellPlan
{
    private readonly CellCut[] _cuts;
    private readonly int[] _cells;

    /// <summary>Plans the runs of a layout.</summary>
    public CellPlan(IReadOnlyList<LoraSlice> slices, AdapterLayout layout)
    {
        Layout = layout;
        _cuts = [.. CellCut.All(slices, layout)];
        _cells = new int[layout.PageCount];
        foreach (var run in _cuts.Select(cut => cut.Run))
        {
            _cells[run.Page] = Math.Max(_cells[run.Page], run.FirstCell + run.TileCount);
        }
    }

    /// <summary>Where all cells lie.</summary>
    public AdapterLayout Layout { get; }

    /// <summary>Whether a slice has factors.</summary>
    public static bool HasFactors(SliceLayout slice) => slice.Runs[^1].Matrix == CellMatrix.Factor;

    /// <summary>Whether an adapter has the slices, rank blocks and factors of this layout.</summary>
    public bool Fit(AdapterWeights adapter)
    {
        var fit = adapter.Slices.Count == Layout.Slices.Count;
        for (var i = 0; fit && i < Layout.Slices.Count; i++)
        {
            var (slice, layout) = (adapter.Slices[i], Layout.Slices[i]);
            fit = slice.Slice == layout.Slice && AdapterLayout.RankBlocksOf(slice.Rank) == layout.RankBlocks && slice.Magnitudes.IsEmpty != HasFactors(layout);
        }

        return fit;
    }

    /// <summary>Cells of a page, from its first on, that hold something; <see cref="Cut"/> writes them all.</summary>
    public int CellsOf(int page) => _cells[page];

    /// <summary>Fills an adapter's pages. From any thread.</summary>
    /// <param name="adapter">One that fits.</param>
    /// <param name="page">The memory of a page, by its ordinal.</param>
    public void Cut(AdapterWeights adapter, Func<int, Span<ushort>> page)
    {
        foreach (var cut in _cuts)
        {
            cut.Pack(adapter, page(cut.Run.Page));
        }
    }
}
