namespace Serving.Compute.Programs;

/// <summary>The order in which rows of a checkpoint's tensor are kept.</summary>
public abstract record RowOrder
{
    /// <summary>Whether it picks its rows from all of a tensor, whose other rows are other parts': not from as many rows behind each other as it has.</summary>
    public virtual bool PicksFromWhole => false;

    /// <summary>Where a row of the kept matrix is in the checkpoint's, and for how many rows it goes on so.</summary>
    public abstract (int Source, int Count) RunAt(int row);
}

/// <summary>
/// Some of the rows of every group: of a tensor in which the heads of several projections take turns (q and the gate behind attention of Qwen3-Next; q, k, v and gate of its recurrent layers).
/// <code>
///   the tensor's       g0: x… [size rows] y… | g1: x… [size rows] y… | …      <paramref name="Stride"/> rows a group, the first of those kept at <paramref name="First"/>
///   as kept            g0's | g1's | …
/// </code>
/// </summary>
/// <param name="Size">Rows of a group that are kept.</param>
/// <param name="Stride">Rows of a group in the tensor.</param>
/// <param name="First">The first of a group's rows that is kept.</param>
public sealed record GroupOrder(int Size, int Stride, int First) : RowOrder
{
    /// <summary>The order of a group's rows among themselves; null as in the checkpoint.</summary>
    public HeadOrder? Inner { get; init; }

    /// <inheritdoc/>
    public override bool PicksFromWhole => true;

    /// <inheritdoc/>
    public override (int Source, int Count) RunAt(int row)
    {
        var (group, place) = (row / Size, row % Size);
        var (source, count) = Inner?.RunAt(place) ?? (place, Size - place);
        return ((group * Stride) + First + source, Math.Min(count, Size - place));
    }
}

/// <summary>Rows of several orders, one behind the other, all of them of one tensor.</summary>
/// <param name="Parts">Their rows and orders.</param>
public sealed record JoinedOrder(IReadOnlyList<(int Rows, RowOrder Order)> Parts) : RowOrder
{
    /// <inheritdoc/>
    public override bool PicksFromWhole => true;

    /// <inheritdoc/>
    public override (int Source, int Count) RunAt(int row)
    {
        foreach (var (rows, order) in Parts)
        {
            if (row < rows)
            {
                var (source, count) = order.RunAt(row);
                return (source, Math.Min(count, rows - row));
            }

            row -= rows;
        }

        throw new ArgumentOutOfRangeException(nameof(row));
    }
}
