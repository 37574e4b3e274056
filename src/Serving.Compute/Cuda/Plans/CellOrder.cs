using Serving.Compute.Adapters;

namespace Serving.Compute.Cuda.Plans;

/// <summary>
/// The order of elements inside a cell: that in which lanes of a tensor-core product take them, 16 bytes each. native/cuda/params.h draws it.
/// </summary>
internal static class CellOrder
{
    /// <summary>Elements of a cell.</summary>
    public const int CellElements = AdapterLayout.CellRanks * AdapterLayout.CellColumns;

    private const int Half = CellElements / 2;

    /// <summary>Where a cell of <paramref name="matrix"/> keeps an element.</summary>
    /// <param name="matrix">A or B.</param>
    /// <param name="rank">0 … 7.</param>
    /// <param name="column">0 … 63.</param>
    public static int OffsetOf(CellMatrix matrix, int rank, int column) => matrix == CellMatrix.Shrink
        ? (column / 32 * Half) + (rank * 32) + (column % 32)
        : (column % 8 / 4 * Half) + (column / 8 * 32) + (rank / 2 * 8) + (column % 4 * 2) + (rank % 2);

    /// <summary>Fills the cells of a run, in order; ranks and columns past the matrix are zero.</summary>
    /// <param name="run">Which cells.</param>
    /// <param name="adapter">The matrices.</param>
    /// <param name="width">Input width for A, output width for B.</param>
    /// <param name="cells"><see cref="CellElements"/> elements per cell of the run.</param>
    public static void Fill(CellRun run, AdapterSlice adapter, int width, Span<ushort> cells)
    {
        var matrix = run.Matrix == CellMatrix.Shrink ? adapter.A.Span : adapter.B.Span;
        var (rankStride, columnStride) = run.Matrix == CellMatrix.Shrink ? (width, 1) : (1, adapter.Rank);
        cells[..(run.TileCount * CellElements)].Clear();
        var firstRank = run.RankBlock * AdapterLayout.CellRanks;
        var ranks = Math.Min(AdapterLayout.CellRanks, adapter.Rank - firstRank);
        for (var tile = 0; tile < run.TileCount; tile++)
        {
            var cell = cells.Slice(tile * CellElements, CellElements);
            var firstColumn = (run.FirstTile + tile) * AdapterLayout.CellColumns;
            var columns = Math.Min(AdapterLayout.CellColumns, width - firstColumn);
            for (var rank = 0; rank < ranks; rank++)
            {
                for (var column = 0; column < columns; column++)
                {
                    cell[OffsetOf(run.Matrix, rank, column)] = matrix[((firstRank + rank) * rankStride) + ((firstColumn + column) * columnStride)];
                }
            }
        }
    }
}
