using System.Numerics;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Plans;

/// <summary>
/// A step's rows by adapter: the slot of every row, and tiles of neighbouring rows of one slot that cover all rows in order. Shrinks, which read an adapter's A once
/// per tile, take large ones; the ends of Linears, which wait for memory rather than for each other, take tiles small enough that a decoding batch fills the device.
/// </summary>
internal sealed class RowTiles
{
    /// <summary>Tiles that a step is cut into for the ends, if its rows allow: with the 16 to 56 units of columns of a layer's Linears, some blocks per multiprocessor.</summary>
    private const int WantedEnds = 16;

    /// <summary>Fewer rows would leave most of a unit's lanes idle.</summary>
    private const int LeastEndRows = 4;

    private readonly int[] _slots;
    private readonly RowTile[] _tiles;
    private readonly RowTile[] _ends;

    /// <summary>Takes room for the largest step.</summary>
    public RowTiles(StepLimits limits)
    {
        _slots = new int[limits.MaxRows];
        _tiles = new RowTile[limits.MaxRows];
        _ends = new RowTile[limits.MaxRows];
    }

    /// <summary>Adapter slot by row, −1 for the base model.</summary>
    public ReadOnlySpan<int> Slots => _slots.AsSpan(0, RowCount);

    /// <summary>The tiles of shrinks.</summary>
    public ReadOnlySpan<RowTile> Tiles => _tiles.AsSpan(0, TileCount);

    /// <summary>The tiles of the ends of Linears.</summary>
    public ReadOnlySpan<RowTile> Ends => _ends.AsSpan(0, EndCount);

    /// <summary>Rows of the step.</summary>
    public int RowCount { get; private set; }

    /// <summary>Number of tiles of shrinks.</summary>
    public int TileCount { get; private set; }

    /// <summary>Number of tiles of ends.</summary>
    public int EndCount { get; private set; }

    /// <summary>Cuts a step's segments.</summary>
    public void Build(StepInputs inputs)
    {
        RowCount = inputs.RowCount;
        TileCount = 0;
        EndCount = 0;
        _slots.AsSpan(0, RowCount).Fill(-1);
        var endRows = EndRowsOf(RowCount);
        foreach (var segment in inputs.Segments)
        {
            _slots.AsSpan(segment.FirstRow, segment.RowCount).Fill(segment.AdapterSlot);
            TileCount = Cut(segment, RowTile.MaxRows, _tiles, TileCount);
            EndCount = Cut(segment, endRows, _ends, EndCount);
        }
    }

    /// <summary>Tiles of the ends that so many rows of one slot are cut into.</summary>
    public static int EndsOf(int rows) => (rows + EndRowsOf(rows) - 1) / EndRowsOf(rows);

    /// <summary>Rows of a tile of the ends: a power of two, so that passes over 8 or 16 rows are whole.</summary>
    private static int EndRowsOf(int rows) => Math.Clamp((int)BitOperations.RoundUpToPowerOf2((uint)(rows / WantedEnds)), LeastEndRows, RowTile.MaxRows);

    private static int Cut(in StepSegment segment, int rows, RowTile[] tiles, int count)
    {
        for (var row = 0; row < segment.RowCount; row += rows)
        {
            tiles[count++] = new RowTile { FirstRow = segment.FirstRow + row, RowCount = Math.Min(rows, segment.RowCount - row), Slot = segment.AdapterSlot };
        }

        return count;
    }
}
