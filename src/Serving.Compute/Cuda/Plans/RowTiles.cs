using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Plans;

/// <summary>A step's rows by adapter: the slot of every row, and tiles of neighbouring rows of one slot that cover all rows in order.</summary>
internal sealed class RowTiles
{
    private readonly int[] _slots;
    private readonly RowTile[] _tiles;

    /// <summary>Takes room for the largest step.</summary>
    public RowTiles(StepLimits limits)
    {
        _slots = new int[limits.MaxRows];
        _tiles = new RowTile[limits.MaxRows];
    }

    /// <summary>Adapter slot by row, −1 for the base model.</summary>
    public ReadOnlySpan<int> Slots => _slots.AsSpan(0, RowCount);

    /// <summary>The tiles.</summary>
    public ReadOnlySpan<RowTile> Tiles => _tiles.AsSpan(0, TileCount);

    /// <summary>Rows of the step.</summary>
    public int RowCount { get; private set; }

    /// <summary>Number of tiles.</summary>
    public int TileCount { get; private set; }

    /// <summary>Cuts a step's segments.</summary>
    public void Build(StepInputs inputs)
    {
        RowCount = inputs.RowCount;
        TileCount = 0;
        _slots.AsSpan(0, RowCount).Fill(-1);
        foreach (var segment in inputs.Segments)
        {
            _slots.AsSpan(segment.FirstRow, segment.RowCount).Fill(segment.AdapterSlot);
            for (var row = 0; row < segment.RowCount; row += RowTile.MaxRows)
            {
                _tiles[TileCount++] = new RowTile
                {
                    FirstRow = segment.FirstRow + row,
                    RowCount = Math.Min(RowTile.MaxRows, segment.RowCount - row),
                    Slot = segment.AdapterSlot,
                };
            }
        }
    }
}
