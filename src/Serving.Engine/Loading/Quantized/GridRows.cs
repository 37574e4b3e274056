using Serving.Compute.Programs;

namespace Serving.Engine.Loading.Quantized;

/// <summary>A matrix of codes, row by row, with scales on a grid.</summary>
/// <param name="name">For messages.</param>
/// <param name="columns">Inputs.</param>
/// <param name="tensor">The codes, each row filling whole bytes.</param>
/// <param name="codes">What they stand for.</param>
/// <param name="grid">Where the scales lie.</param>
/// <param name="scales">The scales.</param>
internal sealed class GridRows(string name, int columns, StoredTensor tensor, ElementCodes codes, ScaleGrid grid, GridValues scales)
    : GroupedRows(name, columns, grid.ColumnsPerScale, grid.Columns)
{
    /// <summary>Zero points on the same grid; null where all are 0.</summary>
    public GridValues? ZeroPoints { get; init; }

    /// <summary>Bytes from one row's codes to the next's.</summary>
    public required int RowBytes { get; init; }

    /// <summary>Differences of codes of four bits lie between −15 and 15, those of eight bits with zero points beyond eight bits.</summary>
    protected override WeightFormat IntegerFormat => (codes.IntegerFormat, ZeroPoints) switch
    {
        (var own, null) => own,
        (WeightFormat.Int4, _) => WeightFormat.Int8,
        _ => WeightFormat.BFloat16,
    };

    /// <inheritdoc/>
    protected override bool IsFourBitsFromZeroPoints => codes.IntegerFormat == WeightFormat.Int4 && ZeroPoints is not null;

    /// <inheritdoc/>
    protected override GroupDecoder OpenGroups(int firstRow, int rows, LoadScratch scratch)
    {
        var (bytes, factors) = Read(firstRow, rows, scratch);
        var zeros = ZeroPoints is { } points ? ReadGrid(points, firstRow, rows) : null;
        return (row, differences, rowScales) =>
        {
            RowOf(factors, firstRow, row).CopyTo(rowScales);
            codes.Decode(bytes.Span.Slice(row * RowBytes, RowBytes), differences);
            if (zeros is not null)
            {
                Subtract(differences, RowOf(zeros, firstRow, row));
            }
        };
    }

    /// <inheritdoc/>
    protected override IntegerDecoder OpenIntegers(int firstRow, int rows, LoadScratch scratch)
    {
        if (ZeroPoints is not null)
        {
            return base.OpenIntegers(firstRow, rows, scratch);
        }

        var (bytes, factors) = Read(firstRow, rows, scratch);
        return (row, integers, rowScales) =>
        {
            RowOf(factors, firstRow, row).CopyTo(rowScales);
            codes.Decode(bytes.Span.Slice(row * RowBytes, RowBytes), integers);
        };
    }

    private (Memory<byte> Codes, float[] Scales) Read(int firstRow, int rows, LoadScratch scratch)
    {
        var bytes = scratch.Bytes(checked(rows * RowBytes));
        tensor.Read((long)firstRow * RowBytes, bytes.Span);
        return (bytes, ReadGrid(scales, firstRow, rows));
    }

    private float[] ReadGrid(GridValues values, int firstRow, int rows)
    {
        var (first, count) = grid.RowsOf(firstRow, rows);
        return values.Read(first, count);
    }

    /// <summary>What a row's groups have, of values read from <paramref name="firstRow"/> on.</summary>
    private ReadOnlySpan<float> RowOf(float[] values, int firstRow, int row) =>
        values.AsSpan((((firstRow + row) / grid.RowsPerScale) - (firstRow / grid.RowsPerScale)) * grid.Columns, grid.Columns);
}
