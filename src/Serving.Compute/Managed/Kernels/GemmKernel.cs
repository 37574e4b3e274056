using System.Runtime.CompilerServices;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Memory;

namespace Serving.Compute.Managed.Kernels;

/// <summary>
/// Rows times panels of a packed weight. Every output is one chain of fused multiply-adds from zero over the inputs in ascending order, so that its bits do
/// not depend on the tile it was computed in, on the number of rows or on the width of the vectors.
/// </summary>
internal static unsafe class GemmKernel<TL, TV>
    where TL : struct, ILanes<TV>
    where TV : struct
{
    private const int Width = PackedWeight.PanelWidth;
    private const int Half = Width / 2;

    /// <summary>Rows of the largest register tile: 16 accumulators where there are 32 registers, 8 elsewhere.</summary>
    public static int TileRows => TL.Count == 8 ? 4 : 8;

    /// <summary>
    /// Computes <paramref name="rows"/> rows of up to <paramref name="panels"/> neighbouring panels into a tile of <paramref name="tileStride"/> floats
    /// per row; the tile has room for rows rounded up to 8.
    /// </summary>
    public static void Run(float* x, int xStride, int rows, ushort* panel, int panels, int inputs, float* tile, int tileStride)
    {
        if (rows == 1 && panels == 4)
        {
            One(x, panel, inputs, tile);
            return;
        }

        for (var p = 0; p < panels; p++)
        {
            var weights = panel + ((long)p * inputs * Width);
            for (var row = 0; row < rows;)
            {
                var count = rows - row;
                var to = tile + ((long)row * tileStride) + (p * Width);
                if (count > 4 && TileRows == 8)
                {
                    Eight(x + ((long)row * xStride), xStride, Math.Min(count, 8), weights, inputs, to, tileStride);
                    row += 8;
                }
                else
                {
                    Four(x + ((long)row * xStride), xStride, Math.Min(count, 4), weights, inputs, to, tileStride);
                    row += 4;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight(float* x, int stride, int rows, ushort* panel, int inputs, float* tile, int tileStride)
    {
        // Rows that are missing repeat the last one; what they give lands in rows of the tile that nobody reads.
        var x1 = x + (Math.Min(1, rows - 1) * (long)stride);
        var x2 = x + (Math.Min(2, rows - 1) * (long)stride);
        var x3 = x + (Math.Min(3, rows - 1) * (long)stride);
        var x4 = x + (Math.Min(4, rows - 1) * (long)stride);
        var x5 = x + (Math.Min(5, rows - 1) * (long)stride);
        var x6 = x + (Math.Min(6, rows - 1) * (long)stride);
        var x7 = x + (Math.Min(7, rows - 1) * (long)stride);
        for (var c = 0; c < Half; c += TL.Count)
        {
            var zero = TL.Broadcast(0);
            TV a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero;
            TV b0 = zero, b1 = zero, b2 = zero, b3 = zero, b4 = zero, b5 = zero, b6 = zero, b7 = zero;
            var w = panel + (2 * c);
            for (nint k = 0; k < inputs; k++, w += Width)
            {
                var pairs = TL.LoadPairs(w);
                var lower = TL.Lower(pairs);
                var upper = TL.Upper(pairs);
                var v = TL.Broadcast(x[k]);
                a0 = TL.MultiplyAdd(v, lower, a0);
                b0 = TL.MultiplyAdd(v, upper, b0);
                v = TL.Broadcast(x1[k]);
                a1 = TL.MultiplyAdd(v, lower, a1);
                b1 = TL.MultiplyAdd(v, upper, b1);
                v = TL.Broadcast(x2[k]);
                a2 = TL.MultiplyAdd(v, lower, a2);
                b2 = TL.MultiplyAdd(v, upper, b2);
                v = TL.Broadcast(x3[k]);
                a3 = TL.MultiplyAdd(v, lower, a3);
                b3 = TL.MultiplyAdd(v, upper, b3);
                v = TL.Broadcast(x4[k]);
                a4 = TL.MultiplyAdd(v, lower, a4);
                b4 = TL.MultiplyAdd(v, upper, b4);
                v = TL.Broadcast(x5[k]);
                a5 = TL.MultiplyAdd(v, lower, a5);
                b5 = TL.MultiplyAdd(v, upper, b5);
                v = TL.Broadcast(x6[k]);
                a6 = TL.MultiplyAdd(v, lower, a6);
                b6 = TL.MultiplyAdd(v, upper, b6);
                v = TL.Broadcast(x7[k]);
                a7 = TL.MultiplyAdd(v, lower, a7);
                b7 = TL.MultiplyAdd(v, upper, b7);
            }

            var to = tile + c;
            Store(a0, b0, to);
            Store(a1, b1, to + tileStride);
            Store(a2, b2, to + (2 * tileStride));
            Store(a3, b3, to + (3 * tileStride));
            Store(a4, b4, to + (4 * tileStride));
            Store(a5, b5, to + (5 * tileStride));
            Store(a6, b6, to + (6 * tileStride));
            Store(a7, b7, to + (7 * tileStride));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Four(float* x, int stride, int rows, ushort* panel, int inputs, float* tile, int tileStride)
    {
        var x1 = x + (Math.Min(1, rows - 1) * (long)stride);
        var x2 = x + (Math.Min(2, rows - 1) * (long)stride);
        var x3 = x + (Math.Min(3, rows - 1) * (long)stride);
        for (var c = 0; c < Half; c += TL.Count)
        {
            var zero = TL.Broadcast(0);
            TV a0 = zero, a1 = zero, a2 = zero, a3 = zero;
            TV b0 = zero, b1 = zero, b2 = zero, b3 = zero;
            var w = panel + (2 * c);
            for (nint k = 0; k < inputs; k++, w += Width)
            {
                var pairs = TL.LoadPairs(w);
                var lower = TL.Lower(pairs);
                var upper = TL.Upper(pairs);
                var v = TL.Broadcast(x[k]);
                a0 = TL.MultiplyAdd(v, lower, a0);
                b0 = TL.MultiplyAdd(v, upper, b0);
                v = TL.Broadcast(x1[k]);
                a1 = TL.MultiplyAdd(v, lower, a1);
                b1 = TL.MultiplyAdd(v, upper, b1);
                v = TL.Broadcast(x2[k]);
                a2 = TL.MultiplyAdd(v, lower, a2);
                b2 = TL.MultiplyAdd(v, upper, b2);
                v = TL.Broadcast(x3[k]);
                a3 = TL.MultiplyAdd(v, lower, a3);
                b3 = TL.MultiplyAdd(v, upper, b3);
            }

            var to = tile + c;
            Store(a0, b0, to);
            Store(a1, b1, to + tileStride);
            Store(a2, b2, to + (2 * tileStride));
            Store(a3, b3, to + (3 * tileStride));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(float* x, ushort* panel, int inputs, float* tile)
    {
        var step = (long)inputs * Width;
        for (var c = 0; c < Half; c += TL.Count)
        {
            var zero = TL.Broadcast(0);
            TV a0 = zero, a1 = zero, a2 = zero, a3 = zero;
            TV b0 = zero, b1 = zero, b2 = zero, b3 = zero;
            var w0 = panel + (2 * c);
            var w1 = w0 + step;
            var w2 = w1 + step;
            var w3 = w2 + step;
            for (nint k = 0, at = 0; k < inputs; k++, at += Width)
            {
                var v = TL.Broadcast(x[k]);
                var p0 = TL.LoadPairs(w0 + at);
                var p1 = TL.LoadPairs(w1 + at);
                var p2 = TL.LoadPairs(w2 + at);
                var p3 = TL.LoadPairs(w3 + at);
                a0 = TL.MultiplyAdd(v, TL.Lower(p0), a0);
                b0 = TL.MultiplyAdd(v, TL.Upper(p0), b0);
                a1 = TL.MultiplyAdd(v, TL.Lower(p1), a1);
                b1 = TL.MultiplyAdd(v, TL.Upper(p1), b1);
                a2 = TL.MultiplyAdd(v, TL.Lower(p2), a2);
                b2 = TL.MultiplyAdd(v, TL.Upper(p2), b2);
                a3 = TL.MultiplyAdd(v, TL.Lower(p3), a3);
                b3 = TL.MultiplyAdd(v, TL.Upper(p3), b3);
            }

            Store(a0, b0, tile + c);
            Store(a1, b1, tile + c + Width);
            Store(a2, b2, tile + c + (2 * Width));
            Store(a3, b3, tile + c + (3 * Width));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TV lower, TV upper, float* to)
    {
        TL.Store(lower, to);
        TL.Store(upper, to + Half);
    }
}
