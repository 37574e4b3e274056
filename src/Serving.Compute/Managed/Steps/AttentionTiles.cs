using Serving.Compute.Managed.Kernels;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Managed.Steps;

/// <summary>Neighbouring rows of one sequence.</summary>
/// <param name="SequenceIndex">Index of the sequence in the step.</param>
/// <param name="FirstRow">First row, counted from the sequence's first.</param>
/// <param name="RowCount">Number of rows.</param>
internal readonly record struct AttentionTile(int SequenceIndex, int FirstRow, int RowCount);

/// <summary>The step's rows cut into tiles of one sequence each, as many rows as their query heads fit a worker's scratch.</summary>
internal sealed class AttentionTiles
{
    private readonly AttentionTile[] _tiles;
    private readonly ModelShape _shape;
    private readonly int _tileRows;

    /// <summary>Takes room for the tiles of the largest step.</summary>
    public AttentionTiles(ModelShape shape, StepLimits limits)
    {
        _shape = shape;
        _tileRows = Math.Max(1, AttentionState.TileQueries / (shape.HeadCount / shape.KvHeadCount));
        _tiles = new AttentionTile[limits.MaxRows];
    }

    /// <summary>Number of tiles.</summary>
    public int Count { get; private set; }

    /// <summary>Multiply-adds of one layer's attention.</summary>
    public long Cost { get; private set; }

    /// <summary>A tile.</summary>
    public AttentionTile this[int index] => _tiles[index];

    /// <summary>Cuts a step's rows.</summary>
    public void Begin(StepInputs inputs)
    {
        Count = 0;
        Cost = 0;
        for (var i = 0; i < inputs.Sequences.Length; i++)
        {
            var sequence = inputs.Sequences[i];
            for (var row = 0; row < sequence.RowCount; row += _tileRows)
            {
                var rows = Math.Min(_tileRows, sequence.RowCount - row);
                _tiles[Count++] = new AttentionTile(i, row, rows);
                Cost += 2L * (sequence.FirstOrdinal + row + rows) * rows * _shape.QueryWidth;
            }
        }
    }
}
