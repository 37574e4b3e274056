using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Steps;

/// <summary>x·Aᵀ of a Linear for all rows with an adapter; an item is one slice for up to 16 rows of one adapter (and of one expert).</summary>
internal sealed unsafe class ShrinkWork<TL, TV>(StepState state, LinearOp op, LinearTiles tiles) : OpWork(state)
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <summary>A rank for the cost estimate.</summary>
    private const int TypicalRank = 16;

    /// <inheritdoc/>
    public override void Run()
    {
        var items = State.AdapterRowsOf(op.Input).Length * op.Slices.Count;
        if (items > 0)
        {
            State.Pool.Run(this, items, (long)State.RowsOf(op.Input) * op.Slices.Count * State.Buffers[op.Input].Columns * TypicalRank);
        }
    }

    /// <inheritdoc/>
    public override void Execute(int item, int worker)
    {
        var rows = State.AdapterRowsOf(op.Input)[item / op.Slices.Count];
        var index = item % op.Slices.Count;
        if (State.Adapters.Find(rows.Slot, op.Slices[index].Index, rows.Expert) is { } binding)
        {
            for (var row = rows.First; row < rows.First + rows.Count; row++)
            {
                LoraKernel<TL, TV>.Shrink(State.Buffers[op.Input].Row(row), binding, State.Exact, tiles.Shrunk(row, index));
            }
        }
    }
}
