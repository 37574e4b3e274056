using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Serving.Compute.Numerics;
using Serving.Compute.Programs;

namespace Serving.Compute.Adapters;

/// <summary>Reads rows of a weight as they are multiplied with: of integers, scale times integer.</summary>
internal delegate void ReadWeightRows(int weight, int firstRow, int rows, Span<float> values);

/// <summary>
/// What DoRA multiplies an output by: its magnitude ÷ the length of its row of W + scale · B A. W is what is served, rounded or of integers; elements are in fp32, ranks ascending, their
/// squares are added in fp64 in eight chains, columns in turns, whatever the machine's vectors are.
/// </summary>
internal static class MagnitudeFactors
{
    private const int Chains = 8;

    /// <summary>Columns of A side by side: two vectors of eight.</summary>
    private const int StripColumns = 2 * Chains;

    /// <summary>Rows that are computed together, so that A is read once for them.</summary>
    private const int Together = 4;

    /// <summary>Rows that are read at once: neighbours lie in the same lines.</summary>
    private const int Reading = 16;

    /// <summary>The factors of all slices; none of those that have no magnitudes. A slice is one thread's: their number changes no bit, and each has one A in fp32.</summary>
    /// <exception cref="AdapterRangeException">One is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public static float[][] Of(ModelProgram program, AdapterWeights adapter, ReadWeightRows read, int threads, CancellationToken cancellationToken)
    {
        var factors = new float[adapter.Slices.Count][];
        Array.Fill(factors, []);
        int[] scaled = [.. Enumerable.Range(0, factors.Length).Where(slice => !adapter.Slices[slice].Magnitudes.IsEmpty)];
        if (scaled.Length > 0)
        {
            var weights = program.Ops.OfType<LinearOp>().SelectMany(op => op.Slices.Select(slice => (slice.Index, op.Weight))).ToDictionary();
            PreparingThreads.Run(
                scaled.Length,
                threads,
                piece =>
                {
                    var slice = adapter.Slices[scaled[piece]];
                    factors[scaled[piece]] = Of(program, weights[slice.Slice], slice, read, cancellationToken);
                },
                cancellationToken);
        }

        return factors;
    }

    /// <summary>The factors of a slice with magnitudes.</summary>
    /// <exception cref="AdapterRangeException">One is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public static float[] Of(ModelProgram program, int weight, AdapterSlice adapter, ReadWeightRows read, CancellationToken cancellationToken)
    {
        var slice = program.Slices[adapter.Slice];
        var (factors, columns, firstRow) = (new float[slice.OutputWidth], slice.InputWidth, (adapter.Expert * program.Weights[weight].RowsPerExpert) + slice.OutputOffset);
        var strips = Strips(adapter.A.Span, adapter.Rank, columns);
        var rows = ArrayPool<float>.Shared.Rent(checked(Reading * columns));
        Span<float> b = stackalloc float[Together * adapter.Rank];
        Span<double> squares = stackalloc double[Together];
        for (var first = 0; first < factors.Length; first += Reading)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = Math.Min(Reading, factors.Length - first);
            read(weight, firstRow + first, count, rows.AsSpan(0, count * columns));
            for (var row = 0; row < count; row += Together)
            {
                Widen(adapter, first + row, b);
                Square(rows.AsSpan(row * columns), Math.Min(Together, count - row), columns, strips, b, adapter.Rank, adapter.Scale, squares);
                for (var i = 0; i < Together && row + i < count; i++)
                {
                    factors[first + row + i] = Divide(adapter.Magnitudes.Span[first + row + i], squares[i]);
                }
            }
        }

        ArrayPool<float>.Shared.Return(rows);
        return factors;
    }

    /// <summary>A row of zeros has no direction: whatever it is multiplied by, its output is 0.</summary>
    private static float Divide(float magnitude, double square)
    {
        var factor = square == 0 ? 0 : (float)(magnitude / Math.Sqrt(square));
        return float.IsFinite(factor) && double.IsFinite(square) ? factor : throw new AdapterRangeException("a magnitude divided by the length of its output's row is out of range");
    }

    /// <summary>A in fp32, [columns / 16][rank][16]; behind the last column zero.</summary>
    private static float[] Strips(ReadOnlySpan<ushort> a, int rank, int columns)
    {
        var strips = new float[(columns + StripColumns - 1) / StripColumns * StripColumns * rank];
        for (var r = 0; r < rank; r++)
        {
            for (var k = 0; k < columns; k++)
            {
                strips[(((k / StripColumns * rank) + r) * StripColumns) + (k % StripColumns)] = BFloat16Bits.ToSingle(a[(r * columns) + k]);
            }
        }

        return strips;
    }

    /// <summary>Rows of B in fp32, [rank][4]; behind the last row zero.</summary>
    private static void Widen(AdapterSlice adapter, int first, Span<float> b)
    {
        b.Clear();
        for (var i = 0; i < Together && (first + i) * adapter.Rank < adapter.B.Length; i++)
        {
            for (var r = 0; r < adapter.Rank; r++)
            {
                b[(r * Together) + i] = BFloat16Bits.ToSingle(adapter.B.Span[((first + i) * adapter.Rank) + r]);
            }
        }
    }

    /// <summary>The squares of the lengths of up to four rows.</summary>
    private static void Square(ReadOnlySpan<float> w, int rows, int columns, ReadOnlySpan<float> strips, ReadOnlySpan<float> b, int rank, float scale, Span<double> squares)
    {
        Span<float> last = stackalloc float[Together * StripColumns];
        Span<Vector512<double>> sums = stackalloc Vector512<double>[Together];
        sums.Clear();
        for (var first = 0; first < columns; first += StripColumns)
        {
            var strip = MemoryMarshal.Cast<float, Vector256<float>>(strips.Slice(first * rank, StripColumns * rank));
            Vector256<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
            for (var r = 0; r < rank; r++)
            {
                var (lower, upper) = (strip[2 * r], strip[(2 * r) + 1]);
                var values = b.Slice(r * Together, Together);
                a0 = Vector256.FusedMultiplyAdd(Vector256.Create(values[0]), lower, a0);
                a1 = Vector256.FusedMultiplyAdd(Vector256.Create(values[0]), upper, a1);
                b0 = Vector256.FusedMultiplyAdd(Vector256.Create(values[1]), lower, b0);
                b1 = Vector256.FusedMultiplyAdd(Vector256.Create(values[1]), upper, b1);
                c0 = Vector256.FusedMultiplyAdd(Vector256.Create(values[2]), lower, c0);
                c1 = Vector256.FusedMultiplyAdd(Vector256.Create(values[2]), upper, c1);
                d0 = Vector256.FusedMultiplyAdd(Vector256.Create(values[3]), lower, d0);
                d1 = Vector256.FusedMultiplyAdd(Vector256.Create(values[3]), upper, d1);
            }

            scoped var source = w[first..];
            var stride = columns;
            if (columns - first < StripColumns)
            {
                last.Clear();
                for (var i = 0; i < rows; i++)
                {
                    w.Slice((i * columns) + first, columns - first).CopyTo(last[(i * StripColumns)..]);
                }

                source = last;
                stride = StripColumns;
            }

            sums[0] = Add(sums[0], source, scale, a0, a1);
            sums[1] = rows > 1 ? Add(sums[1], source[stride..], scale, b0, b1) : default;
            sums[2] = rows > 2 ? Add(sums[2], source[(2 * stride)..], scale, c0, c1) : default;
            sums[3] = rows > 3 ? Add(sums[3], source[(3 * stride)..], scale, d0, d1) : default;
        }

        for (var i = 0; i < Together; i++)
        {
            squares[i] = 0;
            for (var chain = 0; chain < Chains; chain++)
            {
                squares[i] += sums[i][chain];
            }
        }
    }

    private static Vector512<double> Add(Vector512<double> sum, ReadOnlySpan<float> w, float scale, Vector256<float> lower, Vector256<float> upper)
    {
        var factor = Vector256.Create(scale);
        return AddSquare(AddSquare(sum, Vector256.FusedMultiplyAdd(factor, lower, Vector256.Create(w))), Vector256.FusedMultiplyAdd(factor, upper, Vector256.Create(w[Chains..])));
    }

    private static Vector512<double> AddSquare(Vector512<double> sum, Vector256<float> values)
    {
        var (lower, upper) = Vector256.Widen(values);
        return Vector512.Create(Vector256.FusedMultiplyAdd(lower, lower, sum.GetLower()), Vector256.FusedMultiplyAdd(upper, upper, sum.GetUpper()));
    }
}
