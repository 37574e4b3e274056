using Serving.Compute.Programs;

namespace Serving.Compute.Quantization;

/// <summary>Rounds the chunks in which a matrix is loaded, on several threads; its buffers serve one chunk after the other.</summary>
/// <param name="threads">Threads at most.</param>
internal sealed class RowQuantizer(int threads)
{
    private sbyte[] _values = [];
    private ushort[] _scales = [];

    /// <summary>Rounds whole rows of a weight.</summary>
    /// <param name="weight">The weight, of a format of integers.</param>
    /// <param name="rows">bf16, [rows, columns].</param>
    /// <returns>The integers and their scales with offsets where the format has them, row by row as <see cref="BlockQuantizer"/> has them; good until the next call.</returns>
    public unsafe (ReadOnlyMemory<sbyte> Values, ReadOnlyMemory<ushort> Scales) Quantize(WeightSpec weight, ReadOnlySpan<ushort> rows)
    {
        var (columns, padded, scales) = (weight.Columns, BlockQuantizer.PaddedColumns(weight.Columns), BlockQuantizer.ScaleCount(weight.Format, weight.Columns));
        var count = rows.Length / columns;
        Reserve(ref _values, checked(count * padded));
        Reserve(ref _scales, checked(count * scales));
        fixed (ushort* first = rows)
        {
            var source = (nint)first;
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, threads) }, row => BlockQuantizer.Quantize(
                weight.Format,
                new ReadOnlySpan<ushort>((ushort*)source + ((long)row * columns), columns),
                _values.AsSpan(row * padded, padded),
                _scales.AsSpan(row * scales, scales)));
        }

        return (_values.AsMemory(0, count * padded), _scales.AsMemory(0, count * scales));
    }

    private static void Reserve<T>(ref T[] buffer, int length)
    {
        if (buffer.Length < length)
        {
            buffer = GC.AllocateUninitializedArray<T>(length);
        }
    }
}
