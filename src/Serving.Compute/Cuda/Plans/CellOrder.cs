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
        var firstRank = run.RankBlock * AdapterLayout.CellRanks;
        var ranks = Math.Min(AdapterLayout.CellRanks, adapter.Rank - firstRank);
        for (var tile = 0; tile < run.TileCount; tile++)
        {
            var cell = cells.Slice(tile * CellElements, CellElements);
            var firstColumn = (run.FirstTile + tile) * AdapterLayout.CellColumns;
            var columns = Math.Min(AdapterLayout.CellColumns, width - firstColumn);
            if (ranks < AdapterLayout.CellRanks || columns < AdapterLayout.CellColumns)
            {
                cell.Clear();
            }

            if (run.Matrix == CellMatrix.Shrink)
            {
                FillShrink(adapter.A.Span[((firstRank * width) + firstColumn)..], width, ranks, columns, cell);
            }
            else
            {
                FillExpand(adapter.B.Span[((firstColumn * adapter.Rank) + firstRank)..], adapter.Rank, ranks, columns, cell);
            }
        }
    }

    /// <summary>32 columns of a rank lie side by side in A and in the cell.</summary>
    private static void FillShrink(ReadOnlySpan<ushort> matrix, int width, int ranks, int columns, Span<ushort> cell)
    {
        for (var rank = 0; rank < ranks; rank++)
        {
            for (var column = 0; column < columns; column += 32)
            {
                matrix.Slice((rank * width) + column, Math.Min(32, columns - column)).CopyTo(cell[OffsetOf(CellMatrix.Shrink, rank, column)..]);
            }
        }
    }

    /// <summary>The ranks of a column lie side by side in B, pairs of them in the cell.</summary>
    private static void FillExpand(ReadOnlySpan<ushort> matrix, int rankStride, int ranks, int columns, Span<ushort> cell)
    {
        for (var column = 0; column < columns; column++)
        {
            var from = matrix.Slice(column * rankStride, ranks);
            var to = cell[OffsetOf(CellMatrix.Expand, 0, column)..];
            for (var rank = 0; rank < from.Length; rank++)
            {
                to[(rank / 2 * 8) + (rank % 2)] = from[rank];
            }
        }
    }
}
