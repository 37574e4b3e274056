using Serving.Compute.Programs;

namespace Serving.Compute.Adapters;

/// <summary>Which matrix of a LoRA a run of cells belongs to.</summary>
public enum CellMatrix
{
    /// <summary>A: tiles run along the input width.</summary>
    Shrink,

    /// <summary>B: tiles run along the output width.</summary>
    Expand,

    /// <summary>DoRA's factors in fp32, 256 of a cell: one block, tiles of so many outputs.</summary>
    Factor,
}

/// <summary>Cells that one work item reads: side by side in one page.</summary>
/// <param name="Page">Ordinal of the page within the adapter's page list.</param>
/// <param name="FirstCell">First cell within that page.</param>
/// <param name="Matrix">A, B or factors.</param>
/// <param name="RankBlock">Which 8 ranks.</param>
/// <param name="FirstTile">First tile of the run, of 64 columns or 256 factors.</param>
/// <param name="TileCount">Tiles (cells) in the run.</param>
public readonly record struct CellRun(int Page, int FirstCell, CellMatrix Matrix, int RankBlock, int FirstTile, int TileCount);

/// <summary>Where the cells of one slice lie.</summary>
/// <param name="Slice">Index in <c>ModelProgram.Slices</c>.</param>
/// <param name="RankBlocks">Rank padded to 8, in blocks of 8.</param>
/// <param name="Runs">A's runs by rank block then tile, followed by B's, and by those of factors where it has any.</param>
public sealed record SliceLayout(int Slice, int RankBlocks, IReadOnlyList<CellRun> Runs);

/// <summary>
/// Where the cells of an adapter lie in its pages. A cell is 8 ranks × 64 columns in bf16 (1 KiB); ranks are padded to 8 and widths to 64.
/// The cells of one (matrix, rank block) lie side by side and do not cross a page, unless they are more than a page holds. The order inside a cell is the backend's.
/// </summary>
/// <param name="PageCount">Pages the adapter takes.</param>
/// <param name="CellCount">Cells it uses.</param>
/// <param name="CellsPerPage">Cells a page holds.</param>
/// <param name="Slices">One entry per slice that the adapter has.</param>
public sealed record AdapterLayout(int PageCount, int CellCount, int CellsPerPage, IReadOnlyList<SliceLayout> Slices)
{
    /// <summary>Ranks of a cell.</summary>
    public const int CellRanks = 8;

    /// <summary>Columns of a cell.</summary>
    public const int CellColumns = 64;

    /// <summary>Bytes of a cell.</summary>
    public const int CellBytes = CellRanks * CellColumns * sizeof(ushort);

    /// <summary>Factors of a cell.</summary>
    public const int CellFactors = CellBytes / sizeof(float);

    /// <summary>Cells of the adapter's pages that hold nothing, as a share of all.</summary>
    public double Waste => PageCount == 0 ? 0 : 1 - (CellCount / ((double)PageCount * CellsPerPage));

    /// <summary>Lays out an adapter's slices, in order, for pages of <paramref name="pageBytes"/> bytes.</summary>
    public static AdapterLayout Create(IReadOnlyList<LoraSlice> slices, AdapterWeights adapter, long pageBytes)
    {
        ArgumentNullException.ThrowIfNull(slices);
        ArgumentNullException.ThrowIfNull(adapter);
        return Create(slices, adapter.Slices.Select(slice => (slice.Slice, slice.Rank, !slice.Magnitudes.IsEmpty)), pageBytes);
    }

    /// <summary>Lays out an adapter without factors of the given (slice, rank) pairs, in order, for pages of <paramref name="pageBytes"/> bytes.</summary>
    public static AdapterLayout Create(IReadOnlyList<LoraSlice> slices, IEnumerable<(int Slice, int Rank)> ranks, long pageBytes)
    {
        ArgumentNullException.ThrowIfNull(slices);
        ArgumentNullException.ThrowIfNull(ranks);
        return Create(slices, ranks.Select(entry => (entry.Slice, entry.Rank, false)), pageBytes);
    }

    private static AdapterLayout Create(IReadOnlyList<LoraSlice> slices, IEnumerable<(int Slice, int Rank, bool HasFactors)> ranks, long pageBytes)
    {
        var cursor = new CellCursor((int)(pageBytes / CellBytes));
        var layouts = new List<SliceLayout>();
        foreach (var (index, rank, hasFactors) in ranks)
        {
            var slice = slices[index];
            var blocks = RankBlocksOf(rank);
            var runs = new List<CellRun>();
            Place(CellMatrix.Shrink, blocks, Tiles(slice.InputWidth), cursor, runs);
            Place(CellMatrix.Expand, blocks, Tiles(slice.OutputWidth), cursor, runs);
            if (hasFactors)
            {
                Place(CellMatrix.Factor, 1, FactorTiles(slice.OutputWidth), cursor, runs);
            }

            layouts.Add(new SliceLayout(index, blocks, runs));
        }

        return new AdapterLayout(cursor.PageCount, cursor.CellCount, cursor.CellsPerPage, layouts);
    }

    /// <summary>Blocks of 8 ranks that a rank takes.</summary>
    public static int RankBlocksOf(int rank) => (rank + CellRanks - 1) / CellRanks;

    /// <summary>Cells of an output's factors.</summary>
    public static int FactorTiles(int width) => (width + CellFactors - 1) / CellFactors;

    private static int Tiles(int width) => (width + CellColumns - 1) / CellColumns;

    private static void Place(CellMatrix matrix, int blocks, int tiles, CellCursor cursor, List<CellRun> runs)
    {
        for (var block = 0; block < blocks; block++)
        {
            for (var tile = 0; tile < tiles;)
            {
                var (page, cell, count) = cursor.Take(tiles - tile);
                runs.Add(new CellRun(page, cell, matrix, block, tile, count));
                tile += count;
            }
        }
    }

    private sealed class CellCursor
    {
        private int _page = -1;
        private int _next;

        public CellCursor(int cellsPerPage)
        {
            CellsPerPage = cellsPerPage;
            _next = cellsPerPage;
        }

        public int CellsPerPage { get; }

        public int PageCount => _page + 1;

        public int CellCount { get; private set; }

        /// <summary>Takes cells for a run: all of it in one page, or a whole page where the run is longer than one.</summary>
        public (int Page, int Cell, int Count) Take(int wanted)
        {
            var count = Math.Min(wanted, CellsPerPage);
            if (_next + count > CellsPerPage)
            {
                _page++;
                _next = 0;
            }

            var first = _next;
            _next += count;
            CellCount += count;
            return (_page, first, count);
        }
    }
}
