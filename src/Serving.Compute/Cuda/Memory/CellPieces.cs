using Serving.Compute.Adapters;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Adapters of one layout as pieces that threads cut: cells that lie side by side in a page, few enough that the first page is soon complete and that threads end together. Pieces are
/// numbered in the order of their pages, which is the order of layers.
/// </summary>
internal sealed class CellPieces
{
    /// <summary>Cells of a piece: 256 KiB, some 40 µs for a thread.</summary>
    public const int LargestPiece = 256;

    private readonly List<CellCut> _cuts = [];
    private readonly List<(int FirstCut, int Page)> _pieces = [];
    private readonly int[] _ends;
    private readonly int[] _cells;

    /// <summary>Shares out the runs of a layout.</summary>
    public CellPieces(IReadOnlyList<LoraSlice> slices, AdapterLayout layout, int largestPiece = LargestPiece)
    {
        Layout = layout;
        _ends = new int[layout.PageCount];
        _cells = new int[layout.PageCount];
        var (page, room) = (-1, 0);
        foreach (var cut in CellCut.All(slices, layout))
        {
            for (var tile = 0; tile < cut.Run.TileCount;)
            {
                if (cut.Run.Page != page || room == 0)
                {
                    (page, room) = (cut.Run.Page, largestPiece);
                    _pieces.Add((_cuts.Count, page));
                }

                var tiles = Math.Min(cut.Run.TileCount - tile, room);
                _cuts.Add(cut.Part(tile, tiles));
                (tile, room) = (tile + tiles, room - tiles);
            }

            _ends[page] = _pieces.Count;
            _cells[page] = Math.Max(_cells[page], cut.Run.FirstCell + cut.Run.TileCount);
        }
    }

    /// <summary>Where all cells lie.</summary>
    public AdapterLayout Layout { get; }

    /// <summary>Pieces of all pages.</summary>
    public int Count => _pieces.Count;

    /// <summary>Whether an adapter has the slices and rank blocks of this layout.</summary>
    public bool Fit(AdapterWeights adapter)
    {
        var fit = adapter.Slices.Count == Layout.Slices.Count;
        for (var i = 0; fit && i < Layout.Slices.Count; i++)
        {
            var (slice, layout) = (adapter.Slices[i], Layout.Slices[i]);
            fit = slice.Slice == layout.Slice && AdapterLayout.RankBlocksOf(slice.Rank) == layout.RankBlocks;
        }

        return fit;
    }

    /// <summary>The page that a piece lies in.</summary>
    public int PageOf(int piece) => _pieces[piece].Page;

    /// <summary>Pieces of a page and of all before it.</summary>
    public int EndOf(int page) => _ends[page];

    /// <summary>Cells of a page, from its first on, that hold something.</summary>
    public int CellsOf(int page) => _cells[page];

    /// <summary>Fills a piece's cells. From any thread.</summary>
    /// <param name="piece">Which.</param>
    /// <param name="adapter">One that fits.</param>
    /// <param name="page">The memory of the whole page.</param>
    public void Cut(int piece, AdapterWeights adapter, Span<ushort> page)
    {
        var end = piece + 1 < _pieces.Count ? _pieces[piece + 1].FirstCut : _cuts.Count;
        for (var cut = _pieces[piece].FirstCut; cut < end; cut++)
        {
            _cuts[cut].Pack(adapter, page);
        }
    }
}
