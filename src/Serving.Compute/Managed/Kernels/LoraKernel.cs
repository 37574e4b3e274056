using System.Runtime.CompilerServices;
using Serving.Compute.Adapters;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Memory;
using Serving.Compute.Numerics;

namespace Serving.Compute.Managed.Kernels;

/// <summary>
/// The two products of a LoRA over cells. Shrink: a rank's sum runs in one chain per lane over the 32-column runs in ascending order, lanes for the
/// lower and the upper halves of the pairs apart, added together and then over the lanes. Expand: one chain from zero, rank ascending.
/// </summary>
internal static unsafe class LoraKernel<TL, TV>
    where TL : struct, ILanes<TV>
    where TV : struct
{
    private const int Ranks = AdapterLayout.CellRanks;
    private const int Columns = AdapterLayout.CellColumns;
    private const int Width = PackedWeight.PanelWidth;
    private const int Half = Width / 2;

    /// <summary>v = scale · x·Aᵀ of one row, rounded once to bf16 unless exact.</summary>
    public static void Shrink(float* x, SliceBinding binding, bool exact, float* v)
    {
        fixed (nint* cells = binding.ShrinkCells)
        {
            for (var block = 0; block < binding.RankBlocks; block++)
            {
                var to = v + (block * Ranks);
                for (var r = 0; r < Ranks; r += 4)
                {
                    ShrinkFour(x, cells + (block * binding.ShrinkTiles), binding.ShrinkTiles, r, to + r);
                }

                for (var r = 0; r < Ranks; r++)
                {
                    var scaled = to[r] * binding.Scale;
                    to[r] = exact ? scaled : BFloat16Bits.Round(scaled);
                }
            }
        }
    }

    /// <summary>
    /// Adds v·Bᵀ to columns of one row: columns <paramref name="first"/> … of the slice, <paramref name="count"/> of them, to <paramref name="y"/>.
    /// </summary>
    public static void Expand(float* v, SliceBinding binding, int first, int count, float* y)
    {
        fixed (nint* cells = binding.ExpandCells)
        {
            var column = first;
            var end = first + count;
            if (first % Width == 0)
            {
                for (; column < end && column % Columns == 0 && end - column >= Columns; column += Columns)
                {
                    ExpandRun(v, cells + (column / Columns), binding, 0, y + (column - first), 2);
                }

                for (; end - column >= Width; column += Width)
                {
                    ExpandRun(v, cells + (column / Columns), binding, column % Columns, y + (column - first), 1);
                }
            }

            for (; column < end; column++)
            {
                y[column - first] += ExpandOne(v, cells + (column / Columns), binding, column % Columns);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ShrinkFour(float* x, nint* cells, int tiles, int rank, float* v)
    {
        var zero = TL.Broadcast(0);
        TV a0 = zero, a1 = zero, a2 = zero, a3 = zero;
        TV b0 = zero, b1 = zero, b2 = zero, b3 = zero;
        for (var tile = 0; tile < tiles; tile++)
        {
            for (var run = 0; run < Columns; run += Width)
            {
                for (var c = 0; c < Half; c += TL.Count)
                {
                    var cell = (ushort*)cells[tile] + (rank * Columns) + run + (2 * c);
                    var from = x + (tile * Columns) + run + c;
                    var lower = TL.Load(from);
                    var upper = TL.Load(from + Half);
                    var pairs = TL.LoadPairs(cell);
                    a0 = TL.MultiplyAdd(lower, TL.Lower(pairs), a0);
                    b0 = TL.MultiplyAdd(upper, TL.Upper(pairs), b0);
                    pairs = TL.LoadPairs(cell + Columns);
                    a1 = TL.MultiplyAdd(lower, TL.Lower(pairs), a1);
                    b1 = TL.MultiplyAdd(upper, TL.Upper(pairs), b1);
                    pairs = TL.LoadPairs(cell + (2 * Columns));
                    a2 = TL.MultiplyAdd(lower, TL.Lower(pairs), a2);
                    b2 = TL.MultiplyAdd(upper, TL.Upper(pairs), b2);
                    pairs = TL.LoadPairs(cell + (3 * Columns));
                    a3 = TL.MultiplyAdd(lower, TL.Lower(pairs), a3);
                    b3 = TL.MultiplyAdd(upper, TL.Upper(pairs), b3);
                }
            }
        }

        v[0] = TL.Sum(TL.Add(a0, b0));
        v[1] = TL.Sum(TL.Add(a1, b1));
        v[2] = TL.Sum(TL.Add(a2, b2));
        v[3] = TL.Sum(TL.Add(a3, b3));
    }

    /// <summary>One or two neighbouring runs of 32 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ExpandRun(float* v, nint* cells, SliceBinding binding, int offset, float* y, int runs)
    {
        var second = (runs - 1) * Width;
        for (var c = 0; c < Half; c += TL.Count)
        {
            var zero = TL.Broadcast(0);
            TV a0 = zero, b0 = zero, a1 = zero, b1 = zero;
            for (var block = 0; block < binding.RankBlocks; block++)
            {
                var cell = (ushort*)cells[block * binding.ExpandTiles] + offset + (2 * c);
                var values = v + (block * Ranks);
                for (var r = 0; r < Ranks; r++, cell += Columns)
                {
                    var value = TL.Broadcast(values[r]);
                    var pairs = TL.LoadPairs(cell);
                    a0 = TL.MultiplyAdd(value, TL.Lower(pairs), a0);
                    b0 = TL.MultiplyAdd(value, TL.Upper(pairs), b0);
                    pairs = TL.LoadPairs(cell + second);
                    a1 = TL.MultiplyAdd(value, TL.Lower(pairs), a1);
                    b1 = TL.MultiplyAdd(value, TL.Upper(pairs), b1);
                }
            }

            AddTo(a0, y + c);
            AddTo(b0, y + c + Half);
            if (runs == 2)
            {
                AddTo(a1, y + c + Width);
                AddTo(b1, y + c + Width + Half);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo(TV delta, float* y) => TL.Store(TL.Add(TL.Load(y), delta), y);

    /// <summary>The delta of one column, for slices that do not start or end at a run of 32: the same chain as a lane's.</summary>
    private static float ExpandOne(float* v, nint* cells, SliceBinding binding, int column)
    {
        var position = (column / Width * Width) + PackedWeight.PositionOf(column % Width);
        var delta = 0f;
        for (var block = 0; block < binding.RankBlocks; block++)
        {
            var cell = (ushort*)cells[block * binding.ExpandTiles] + position;
            for (var r = 0; r < Ranks; r++)
            {
                delta = LaneMath.MultiplyAdd(v[(block * Ranks) + r], BFloat16Bits.ToSingle(cell[r * Columns]), delta);
            }
        }

        return delta;
    }
}
