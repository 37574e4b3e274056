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
    protected override GroupDecoder OpenGroups(int firstRow, int rows, LoadScratch scratch)
    {
        var bytes = scratch.Bytes(checked(rows * RowBytes));
        tensor.Read((long)firstRow * RowBytes, bytes.Span);
        var (firstScale, count) = grid.RowsOf(firstRow, rows);
        var (factors, zeros) = (scales.Read(firstScale, count), ZeroPoints?.Read(firstScale, count));
        return (row, differences, rowScales) =>
        {
            var place = (((firstRow + row) / grid.RowsPerScale) - firstScale) * grid.Columns;
            factors.AsSpan(place, grid.Columns).CopyTo(rowScales);
            codes.Decode(bytes.Span.Slice(row * RowBytes, RowBytes), differences);
            if (zeros is not null)
            {
                Subtract(differences, zeros.AsSpan(place, grid.Columns));
            }
        };
    }
}
