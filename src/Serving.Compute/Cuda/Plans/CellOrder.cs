using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Serving.Compute.Adapters;

namespace Serving.Compute.Cuda.Plans;

/// <summary>
/// The order of elements inside a cell: that in which lanes of a tensor-core product take them, 16 bytes each. native/cuda/params.h draws it.
/// A rank's 32 columns of A are a move of 64 bytes. In a cell of B, 8 ranks of 4 columns are a 4 x 4 matrix of rank pairs, 4 bytes each, turned over.
/// </summary>
internal static class CellOrder
{
    /// <summary>Elements of a cell.</summary>
    public const int CellElements = AdapterLayout.CellRanks * AdapterLayout.CellColumns;

    private const int Half = CellElements / 2;
    private const int HalfColumns = AdapterLayout.CellColumns / 2;

    /// <summary>Columns of B that are turned over together: four for each half.</summary>
    private const int TurnedColumns = 8;

    /// <summary>Where a cell of <paramref name="matrix"/> keeps an element.</summary>
    /// <param name="matrix">A or B.</param>
    /// <param name="rank">0 … 7.</param>
    /// <param name="column">0 … 63.</param>
    public static int OffsetOf(CellMatrix matrix, int rank, int column) => matrix == CellMatrix.Shrink
        ? (column / HalfColumns * Half) + (rank * HalfColumns) + (column % HalfColumns)
        : (column % 8 / 4 * Half) + (column / 8 * 32) + (rank / 2 * 8) + (column % 4 * 2) + (rank % 2);

    /// <summary>Fills the cells of a run, in order; ranks and columns past the matrix are zero.</summary>
    /// <param name="run">Which cells.</param>
    /// <param name="adapter">The matrices, and factors in the place of magnitudes.</param>
    /// <param name="width">Input width for A, output width for B.</param>
    /// <param name="cells"><see cref="CellElements"/> elements per cell of the run.</param>
    public static void Fill(CellRun run, AdapterSlice adapter, int width, Span<ushort> cells)
    {
        if (run.Matrix == CellMatrix.Factor)
        {
            FillFactors(adapter.Magnitudes.Span[(run.FirstTile * AdapterLayout.CellFactors)..], MemoryMarshal.Cast<ushort, float>(cells[..(run.TileCount * CellElements)]));
            return;
        }

        var (firstRank, firstColumn) = (run.RankBlock * AdapterLayout.CellRanks, run.FirstTile * AdapterLayout.CellColumns);
        var ranks = Math.Min(AdapterLayout.CellRanks, adapter.Rank - firstRank);
        var columns = Math.Min(run.TileCount * AdapterLayout.CellColumns, width - firstColumn);
        cells = cells[..(run.TileCount * CellElements)];
        if (ranks < AdapterLayout.CellRanks)
        {
            cells.Clear();
        }
        else if (columns < run.TileCount * AdapterLayout.CellColumns)
        {
            cells[^CellElements..].Clear();
        }

        if (run.Matrix == CellMatrix.Shrink)
        {
            FillShrink(adapter.A.Span.Slice((firstRank * width) + firstColumn, ((ranks - 1) * width) + columns), width, ranks, columns, cells);
        }
        else
        {
            FillExpand(adapter.B.Span.Slice((firstColumn * adapter.Rank) + firstRank, ((columns - 1) * adapter.Rank) + ranks), adapter.Rank, ranks, columns, cells);
        }
    }

    /// <summary>Factors of outputs side by side; behind the last they are zero.</summary>
    private static void FillFactors(ReadOnlySpan<float> factors, Span<float> cells)
    {
        var count = Math.Min(factors.Length, cells.Length);
        factors[..count].CopyTo(cells);
        cells[count..].Clear();
    }

    /// <summary>32 columns of a rank lie side by side in A and in the cell.</summary>
    private static void FillShrink(ReadOnlySpan<ushort> matrix, int width, int ranks, int columns, Span<ushort> cells)
    {
        var tiles = columns / AdapterLayout.CellColumns;
        MoveTiles(matrix, width, ranks, tiles, cells);
        for (var rank = 0; rank < ranks && tiles * AdapterLayout.CellColumns < columns; rank++)
        {
            var row = matrix[((rank * width) + (tiles * AdapterLayout.CellColumns))..((rank * width) + columns)];
            var cell = cells[(tiles * CellElements)..];
            row[..Math.Min(HalfColumns, row.Length)].CopyTo(cell[(rank * HalfColumns)..]);
            row[Math.Min(HalfColumns, row.Length)..].CopyTo(cell[(Half + (rank * HalfColumns))..]);
        }
    }

    /// <summary>Moves whole tiles: of every rank 64 bytes to each half of the cell.</summary>
    private static void MoveTiles(ReadOnlySpan<ushort> matrix, int width, int ranks, int tiles, Span<ushort> cells)
    {
        var (stride, count) = ((nuint)width, (nuint)tiles);
        ref var from = ref MemoryMarshal.GetReference(matrix);
        ref var to = ref MemoryMarshal.GetReference(cells);
        for (nuint tile = 0; tile < count; tile++)
        {
            ref var row = ref Unsafe.Add(ref from, tile * AdapterLayout.CellColumns);
            ref var cell = ref Unsafe.Add(ref to, tile * CellElements);
            for (var rank = 0; rank < ranks; rank++)
            {
                // 32 bytes at a time: of longer reads, each would touch two lines of the cache.
                var (first, second) = (Vector256.LoadUnsafe(in row), Vector256.LoadUnsafe(in row, 16));
                var (third, fourth) = (Vector256.LoadUnsafe(in row, HalfColumns), Vector256.LoadUnsafe(in row, HalfColumns + 16));
                first.StoreUnsafe(ref cell);
                second.StoreUnsafe(ref cell, 16);
                third.StoreUnsafe(ref cell, Half);
                fourth.StoreUnsafe(ref cell, Half + 16);
                row = ref Unsafe.Add(ref row, stride);
                cell = ref Unsafe.Add(ref cell, HalfColumns);
            }
        }
    }

    /// <summary>The ranks of a column lie side by side in B, pairs of them in the cell.</summary>
    private static void FillExpand(ReadOnlySpan<ushort> matrix, int rankStride, int ranks, int columns, Span<ushort> cells)
    {
        // A column is read as 8 ranks, of which those past the matrix are dropped; the last columns of fewer ranks may have no 8 elements to read.
        var readable = matrix.Length < AdapterLayout.CellRanks ? 0 : ((matrix.Length - AdapterLayout.CellRanks) / rankStride) + 1;
        var turned = Math.Min(columns, readable) / TurnedColumns * TurnedColumns;
        TurnColumns(matrix, rankStride, ranks, turned, cells);
        for (var column = turned; column < columns; column++)
        {
            var cell = cells.Slice(column / AdapterLayout.CellColumns * CellElements, CellElements);
            for (var rank = 0; rank < ranks; rank++)
            {
                cell[OffsetOf(CellMatrix.Expand, rank, column % AdapterLayout.CellColumns)] = matrix[(column * rankStride) + rank];
            }
        }
    }

    /// <summary>Turns columns over, eight by eight: four for each half of their cell. Each has 8 elements to read.</summary>
    private static void TurnColumns(ReadOnlySpan<ushort> matrix, int rankStride, int ranks, int columns, Span<ushort> cells)
    {
        var taken = Vector128.LessThan(Vector128<ushort>.Indices, Vector128.Create((ushort)ranks)).AsUInt32();
        var (stride, count) = ((nuint)rankStride, (nuint)columns);
        ref var from = ref MemoryMarshal.GetReference(matrix);
        ref var to = ref MemoryMarshal.GetReference(cells);
        for (nuint column = 0; column < count; column += TurnedColumns)
        {
            ref var cell = ref Unsafe.Add(ref to, (column / AdapterLayout.CellColumns * CellElements) + (column % AdapterLayout.CellColumns * 4));
            TurnFour(in Unsafe.Add(ref from, column * stride), stride, taken, ref cell);
            TurnFour(in Unsafe.Add(ref from, (column + 4) * stride), stride, taken, ref Unsafe.Add(ref cell, Half));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TurnFour(ref readonly ushort from, nuint stride, Vector128<uint> taken, ref ushort to)
    {
        var row0 = Vector128.LoadUnsafe(in from).AsUInt32() & taken;
        var row1 = Vector128.LoadUnsafe(in from, stride).AsUInt32() & taken;
        var row2 = Vector128.LoadUnsafe(in from, 2 * stride).AsUInt32() & taken;
        var row3 = Vector128.LoadUnsafe(in from, 3 * stride).AsUInt32() & taken;

        // Pairs 0 1 and 2 3 of every other column, then those of all four.
        var (low02, high02) = (ZipLow(row0, row2), ZipHigh(row0, row2));
        var (low13, high13) = (ZipLow(row1, row3), ZipHigh(row1, row3));
        ZipLow(low02, low13).AsUInt16().StoreUnsafe(ref to);
        ZipHigh(low02, low13).AsUInt16().StoreUnsafe(ref to, 8);
        ZipLow(high02, high13).AsUInt16().StoreUnsafe(ref to, 16);
        ZipHigh(high02, high13).AsUInt16().StoreUnsafe(ref to, 24);
    }

    private static Vector128<uint> ZipLow(Vector128<uint> a, Vector128<uint> b) => Sse2.IsSupported ? Sse2.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    private static Vector128<uint> ZipHigh(Vector128<uint> a, Vector128<uint> b) => Sse2.IsSupported ? Sse2.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);
}
