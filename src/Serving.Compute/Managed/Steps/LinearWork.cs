using Serving.Compute.Adapters;
using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Memory;
using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Steps;

/// <summary>
/// Runs a <see cref="LinearOp"/> or <see cref="LogitsOp"/>. An item is a strip of panels for up to 64 rows: the product into the worker's tile, then bias and LoRA
/// deltas while the tile is in the cache, then one write to the output.
/// </summary>
internal sealed unsafe class LinearWork<TL, TV> : OpWork
    where TL : struct, ILanes<TV>
    where TV : struct
{
    private const int Width = PackedWeight.PanelWidth;

    private readonly LinearOp _op;
    private readonly ShrinkWork<TL, TV>? _shrink;
    private readonly QuantizeWork? _quantize;
    private readonly LinearTiles _tiles;
    private readonly PackedWeight _weight;
    private readonly PackedWeight? _bias;
    private readonly float _cap;
    private readonly float _scale = 1;
    private int _stripPanels;
    private int _strips;

    /// <summary>Prepares the operation; <paramref name="tiles"/> is scratch that all Linears share, one tile per worker.</summary>
    public LinearWork(StepState state, LogitsOp op, LinearTiles tiles)
        : this(state, new LinearOp(op.Input, op.Output, op.Weight, op.Bias, LinearOutput.Keep, []), tiles)
    {
        (_cap, _scale) = (op.Cap, op.Scale);
    }

    /// <summary>Prepares the operation; <paramref name="tiles"/> is scratch that all Linears share, one tile per worker.</summary>
    public LinearWork(StepState state, LinearOp op, LinearTiles tiles)
        : base(state)
    {
        _op = op;
        _tiles = tiles;
        _weight = state.Weights[op.Weight];
        _bias = op.Bias is { } bias ? state.Weights[bias] : null;
        _quantize = _weight.Integers is null || state.Exact ? null : new QuantizeWork(state, op.Input, tiles.Integers);
        _shrink = op.Slices.Count > 0 ? new ShrinkWork<TL, TV>(state, op, tiles) : null;
    }

    /// <inheritdoc/>
    public override void Run()
    {
        _shrink?.Run();
        _quantize?.Run();
        var rows = State.RowsOf(_op.Input);
        _stripPanels = rows == 1 || IsOfExperts ? LinearTiles.MaxPanels : 1;
        _strips = (_weight.PanelCount + _stripPanels - 1) / _stripPanels;
        var blocks = IsOfExperts ? State.Choices.Blocks.Length : (rows + LinearTiles.MaxRows - 1) / LinearTiles.MaxRows;
        State.Pool.Run(this, _strips * blocks, (long)rows * _weight.RowsPerExpert * _weight.Columns);
    }

    private bool IsOfExperts => State.Program.IsExperts(_op);

    /// <inheritdoc/>
    public override void Execute(int item, int worker)
    {
        var block = BlockAt(item / _strips);
        var firstPanel = item % _strips * _stripPanels;
        var panels = Math.Min(_stripPanels, _weight.PanelCount - firstPanel);
        var tile = _tiles.Tile(worker);
        Multiply(block, firstPanel, panels, tile);
        for (var row = 0; row < block.Count; row++)
        {
            Finish(block.First + row, block.Expert, firstPanel * Width, panels * Width, tile + (row * LinearTiles.Stride));
        }
    }

    /// <summary>Up to 64 rows that meet one expert's matrix.</summary>
    private ExpertRows BlockAt(int index)
    {
        if (IsOfExperts)
        {
            return State.Choices.Blocks[index];
        }

        var first = index * LinearTiles.MaxRows;
        return new ExpertRows(0, first, Math.Min(LinearTiles.MaxRows, State.RowsOf(_op.Input) - first));
    }

    private void Multiply(ExpertRows block, int firstPanel, int panels, float* tile)
    {
        var x = State.Buffers[_op.Input];
        if (_weight.Integers is not { } integers)
        {
            var panel = _weight.Panel((block.Expert * _weight.PanelCount) + firstPanel);
            GemmKernel<TL, TV>.Run(x.Row(block.First), x.Stride, block.Count, panel, panels, _weight.Columns, tile, LinearTiles.Stride);
            return;
        }

        // The outputs behind an expert's last are the next expert's: they are not computed, and the row's padding stays zero.
        var output = firstPanel * Width;
        var outputs = Math.Min(panels * Width, _weight.RowsPerExpert - output);
        var rounded = State.Exact ? null : _tiles.Integers;
        IntegerKernel.Run(x, rounded, block.First, block.Count, integers, (block.Expert * _weight.RowsPerExpert) + output, outputs, tile, LinearTiles.Stride);
        for (var row = 0; outputs < panels * Width && row < block.Count; row++)
        {
            new Span<float>(tile + (row * LinearTiles.Stride) + outputs, (panels * Width) - outputs).Clear();
        }
    }

    /// <summary>(product + bias) + delta; of a slice with factors (product + delta) · factor + bias.</summary>
    private void Finish(int row, int expert, int firstColumn, int columns, float* values)
    {
        var slot = _shrink is null ? -1 : IsOfExperts ? State.Choices.SlotAt(row) : State.RowSlots[row];
        if (slot >= 0)
        {
            Expand(row, slot, expert, firstColumn, columns, values, scaled: true);
        }

        if (_bias is not null)
        {
            var bias = _bias.VectorOf(expert) + firstColumn;
            for (var c = 0; c < columns; c += TL.Count)
            {
                TL.Store(TL.Add(TL.Load(values + c), TL.Load(bias + c)), values + c);
            }
        }

        if (slot >= 0)
        {
            Expand(row, slot, expert, firstColumn, columns, values, scaled: false);
        }

        Write(State.Buffers[_op.Output].Row(row) + firstColumn, values, columns);
    }

    /// <summary>The slices with factors, or those without.</summary>
    private void Expand(int row, int slot, int expert, int firstColumn, int columns, float* values, bool scaled)
    {
        for (var i = 0; i < _op.Slices.Count; i++)
        {
            var slice = _op.Slices[i];
            var first = Math.Max(firstColumn, slice.OutputOffset);
            var end = Math.Min(firstColumn + columns, slice.OutputOffset + slice.OutputWidth);
            if (first < end && State.Adapters.Find(slot, slice.Index, expert) is { } binding && binding.FactorCells.Length > 0 == scaled)
            {
                LoraKernel<TL, TV>.Expand(_tiles.Shrunk(row, i), binding, first - slice.OutputOffset, end - first, values + (first - firstColumn));
                Scale(binding, first - slice.OutputOffset, end - first, values + (first - firstColumn));
            }
        }
    }

    /// <summary>Multiplies columns of a slice by their factors, where it has any.</summary>
    private static void Scale(SliceBinding binding, int first, int count, float* values)
    {
        for (var column = first; binding.FactorCells.Length > 0 && column < first + count; column++)
        {
            values[column - first] *= ((float*)binding.FactorCells[column / AdapterLayout.CellFactors])[column % AdapterLayout.CellFactors];
        }
    }

    private void Write(float* output, float* values, int columns)
    {
        var round = _op.Mode == LinearOutput.Round && !State.Exact;
        for (var c = 0; c < columns; c += TL.Count)
        {
            var value = TL.Load(values + c);
            if (_op.Mode == LinearOutput.Accumulate)
            {
                value = TL.Add(TL.Load(output + c), value);
            }

            value = _scale == 1 ? value : TL.Multiply(value, TL.Broadcast(_scale));
            value = _cap > 0 ? LaneMath<TL, TV>.Cap(value, TL.Broadcast(_cap)) : value;
            TL.Store(round ? TL.Round(value) : value, output + c);
        }
    }
}
