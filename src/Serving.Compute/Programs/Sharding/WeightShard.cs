namespace Serving.Compute.Programs.Sharding;

/// <summary>The part of a weight that a rank keeps: rows of these runs, and of each row these columns. Of a vector runs count elements.</summary>
/// <param name="Length">Rows (elements) of the rank's weight; those that no run fills are zero.</param>
/// <param name="Runs">Rows in ascending order.</param>
/// <param name="Columns">Columns.</param>
public sealed record WeightShard(int Length, IReadOnlyList<RowRun> Runs, ShardRange Columns)
{
    /// <summary>What a piece of the whole weight holds of a run, as rows of the rank's weight; empty when nothing. Copied where the rank keeps some of the columns only.</summary>
    /// <param name="run">One of the runs.</param>
    /// <param name="width">Columns of the whole weight; 1 for a vector.</param>
    /// <param name="firstRow">The piece's first row in the whole weight.</param>
    /// <param name="piece">Whole rows.</param>
    /// <param name="target">Their first row in the rank's weight.</param>
    public ReadOnlySpan<ushort> Cut(RowRun run, int width, int firstRow, ReadOnlySpan<ushort> piece, out int target)
    {
        var first = Math.Max(run.First, firstRow);
        var rows = Math.Max(0, Math.Min(run.First + run.Count, firstRow + (piece.Length / width)) - first);
        target = run.Target + first - run.First;
        if (rows == 0 || Columns.Count == width)
        {
            return rows == 0 ? [] : piece.Slice((first - firstRow) * width, rows * width);
        }

        var cut = new ushort[rows * Columns.Count];
        for (var row = 0; row < rows; row++)
        {
            piece.Slice(((first - firstRow + row) * width) + Columns.First, Columns.Count).CopyTo(cut.AsSpan(row * Columns.Count));
        }

        return cut;
    }
}

/// <summary>Neighbouring rows of a whole weight and where they lie in a rank's.</summary>
/// <param name="First">First row of the whole weight.</param>
/// <param name="Count">Rows.</param>
/// <param name="Target">First row of the rank's weight.</param>
public readonly record struct RowRun(int First, int Count, int Target);
