using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>What one of the rows that were read is kept as. Called from several threads, for a row each; does not throw.</summary>
/// <param name="row">The row, counted from the first that was read.</param>
/// <param name="differences">Receives code − zero point of every column: whole numbers, or FP8's values.</param>
/// <param name="scales">Receives the row's scales, group by group.</param>
internal delegate void GroupDecoder(int row, Span<float> differences, Span<float> scales);

/// <summary>The same where differences are integers of eight bits at most.</summary>
/// <param name="row">The row, counted from the first that was read.</param>
/// <param name="differences">Receives code − zero point of every column.</param>
/// <param name="scales">Receives the row's scales, group by group.</param>
internal delegate void IntegerDecoder(int row, Span<sbyte> differences, Span<float> scales);

/// <summary>
/// A matrix whose rows are groups of columns that share a scale: w = scale × (code − zero point), the difference first, which is exact, the product rounded once to fp32. Where groups
/// are whole groups of this engine's own formats of integers, and the integers fit, a row can be had as integers: nothing is rounded then but the scales, to bf16, and the offsets of a format that has them.
/// </summary>
/// <param name="name">For messages.</param>
/// <param name="columns">Inputs.</param>
/// <param name="groupSize">Columns that share a scale.</param>
/// <param name="groups">Scales of a row.</param>
internal abstract class GroupedRows(string name, int columns, int groupSize, int groups) : QuantizedRows(name, columns)
{
    private readonly int _columns = columns;

    /// <summary>The group of each column where columns are not in order; null where they are.</summary>
    public int[]? GroupOfColumn { get; init; }

    /// <summary>The format with the fewest bits that holds every difference: Int4, Mxfp4, Iq4, Int8, or BFloat16 where none does.</summary>
    protected abstract WeightFormat IntegerFormat { get; }

    /// <summary>Whether differences are of codes of four bits to zero points: those of a group lie within sixteen neighbours.</summary>
    protected virtual bool IsFourBitsFromZeroPoints => false;

    /// <inheritdoc/>
    public sealed override bool Holds(WeightFormat format)
    {
        var isWhole = GroupOfColumn is null && (groups == 1 || groupSize % BlockQuantizer.GroupSize == 0);
        return isWhole && format switch
        {
            WeightFormat.BFloat16 => false,
            WeightFormat.Int4Asymmetric => IsFourBitsFromZeroPoints,
            WeightFormat.Int8 => IntegerFormat != WeightFormat.BFloat16,
            _ => IntegerFormat == format,
        };
    }

    /// <inheritdoc/>
    public sealed override void ReadIntegers(WeightFormat format, int firstRow, int rows, Memory<sbyte> values, Memory<ushort> scales, LoadScratch scratch)
    {
        var (padded, count) = (BlockQuantizer.PaddedColumns(_columns), BlockQuantizer.ScaleCount(format, _columns));
        var decode = OpenIntegers(firstRow, rows, scratch);
        Parallel.For(0, rows, row => ToIntegers(row, decode, values.Span.Slice(row * padded, padded), scales.Span.Slice(row * count, count)));
        CheckFinite(scales.Span[..(rows * count)]);
    }

    /// <summary>Reads what rows are kept as. Nothing of it outlives the decoder's use.</summary>
    protected abstract GroupDecoder OpenGroups(int firstRow, int rows, LoadScratch scratch);

    /// <summary>Reads what rows are kept as where it is integers: through floats, unless a kind of rows does without.</summary>
    protected virtual IntegerDecoder OpenIntegers(int firstRow, int rows, LoadScratch scratch)
    {
        var singles = scratch.Singles(checked(rows * _columns));
        var decode = OpenGroups(firstRow, rows, scratch);
        return (row, differences, scales) =>
        {
            var own = singles.Span.Slice(row * _columns, _columns);
            decode(row, own, scales);
            for (var i = 0; i < own.Length; i++)
            {
                differences[i] = (sbyte)own[i];
            }
        };
    }

    /// <inheritdoc/>
    protected sealed override RowDecoder Open(int firstRow, int rows, LoadScratch scratch)
    {
        var decode = OpenGroups(firstRow, rows, scratch);
        return (row, destination) =>
        {
            var scales = new float[groups];
            decode(row, destination, scales);
            Multiply(destination, scales);
        };
    }

    /// <summary>Takes the zero points of a row's groups from its codes.</summary>
    protected void Subtract(Span<float> row, ReadOnlySpan<float> zeros)
    {
        if (GroupOfColumn is { } order)
        {
            for (var i = 0; i < row.Length; i++)
            {
                row[i] -= zeros[order[i]];
            }

            return;
        }

        for (var group = 0; group < zeros.Length; group++)
        {
            var zero = zeros[group];
            foreach (ref var value in row[(group * groupSize)..Math.Min((group + 1) * groupSize, row.Length)])
            {
                value -= zero;
            }
        }
    }

    private void Multiply(Span<float> row, ReadOnlySpan<float> scales)
    {
        if (GroupOfColumn is { } order)
        {
            for (var i = 0; i < row.Length; i++)
            {
                row[i] *= scales[order[i]];
            }

            return;
        }

        for (var group = 0; group < scales.Length; group++)
        {
            var scale = scales[group];
            foreach (ref var value in row[(group * groupSize)..Math.Min((group + 1) * groupSize, row.Length)])
            {
                value *= scale;
            }
        }
    }

    private void ToIntegers(int row, IntegerDecoder decode, Span<sbyte> values, Span<ushort> scales)
    {
        var own = new float[groups];
        decode(row, values[.._columns], own);
        values[_columns..].Clear();
        scales.Clear();
        var count = BlockQuantizer.GroupCount(_columns);
        for (var i = 0; i * BlockQuantizer.GroupSize < _columns; i++)
        {
            var first = i * BlockQuantizer.GroupSize;
            var scale = own[first / groupSize];
            scales[i] = ToScale(scale);
            if (scales.Length > count)
            {
                scales[count + i] = ToScale(OffsetGroup.Center(values[first..Math.Min(first + BlockQuantizer.GroupSize, _columns)], scale, 0));
            }
        }
    }
}
