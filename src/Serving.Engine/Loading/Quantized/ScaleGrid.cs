using Serving.Engine.Models;

namespace Serving.Engine.Loading.Quantized;

/// <summary>How scales lie over a matrix: each covers so many rows and columns. One scale for all, one a row, groups of a row's columns and square blocks are all such grids.</summary>
/// <param name="RowsPerScale">Rows that share a scale.</param>
/// <param name="ColumnsPerScale">Columns that share a scale.</param>
/// <param name="Rows">Scales over the rows.</param>
/// <param name="Columns">Scales over the columns.</param>
internal readonly record struct ScaleGrid(int RowsPerScale, int ColumnsPerScale, int Rows, int Columns)
{
    /// <summary>One scale for the matrix.</summary>
    public static ScaleGrid Whole(int rows, int columns) => new(rows, columns, 1, 1);

    /// <summary>A scale for every row.</summary>
    public static ScaleGrid ByRow(int rows, int columns) => new(1, columns, rows, 1);

    /// <summary>Scales for blocks, of which the last ones may be smaller.</summary>
    public static ScaleGrid Blocks(int rows, int columns, int blockRows, int blockColumns) =>
        new(blockRows, blockColumns, (rows + blockRows - 1) / blockRows, (columns + blockColumns - 1) / blockColumns);

    /// <summary>Scales for groups of a row's columns.</summary>
    /// <exception cref="MalformedFileException">The groups are not equal parts of a row.</exception>
    public static ScaleGrid Groups(int rows, int columns, int groupSize) => groupSize > 0 && columns % groupSize == 0
        ? new(1, groupSize, rows, columns / groupSize)
        : throw new MalformedFileException($"groups of {groupSize} do not divide the {columns} columns of a matrix");

    /// <summary>The tensor of a value for each place of the grid. One for all may be a scalar, one a row a vector.</summary>
    /// <exception cref="MalformedFileException">It has another shape.</exception>
    public StoredTensor Check(StoredTensor tensor)
    {
        var shape = tensor.Entry.Shape;
        var isShort = (Rows == 1 && Columns == 1 && (shape.Count == 0 || (shape.Count == 1 && shape[0] == 1)))
            || (Columns == 1 && shape.Count == 1 && shape[0] == Rows);
        return isShort ? tensor : tensor.Shaped(Rows, Columns);
    }

    /// <summary>The grid's rows that some of the matrix's rows need: the first, and how many.</summary>
    public (int First, int Count) RowsOf(int firstRow, int rows)
    {
        var first = firstRow / RowsPerScale;
        return (first, ((firstRow + rows - 1) / RowsPerScale) - first + 1);
    }
}
