using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Steps;

/// <summary>An operation in which a row of the output needs its own row of the input only; items are groups of rows.</summary>
internal abstract class RowWork(StepState state, int output, int rowCost) : OpWork(state)
{
    private const int RowsPerItem = 4;

    /// <inheritdoc/>
    public sealed override void Run()
    {
        var rows = State.RowsOf(output);
        State.Pool.Run(this, (rows + RowsPerItem - 1) / RowsPerItem, (long)rows * rowCost);
    }

    /// <inheritdoc/>
    public sealed override void Execute(int item, int worker)
    {
        var end = Math.Min((item + 1) * RowsPerItem, State.RowsOf(output));
        for (var row = item * RowsPerItem; row < end; row++)
        {
            ExecuteRow(row);
        }
    }

    /// <summary>Computes one row.</summary>
    protected abstract void ExecuteRow(int row);
}

/// <summary>Runs an <see cref="EmbedOp"/>.</summary>
internal sealed unsafe class EmbedWork(StepState state, EmbedOp op) : RowWork(state, op.Output, state.Buffers[op.Output].Columns)
{
    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var output = State.Buffers[op.Output];
        State.Weights[op.Weight].ReadRow(State.Tokens[row], output.Row(row));
        for (var i = 0; op.Scale != 1 && i < output.Columns; i++)
        {
            output.Row(row)[i] *= op.Scale;
        }
    }
}

/// <summary>Runs a <see cref="GatherOp"/>.</summary>
internal sealed unsafe class GatherWork(StepState state, GatherOp op) : RowWork(state, op.Output, state.Buffers[op.Output].Columns)
{
    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var (input, output) = (State.Buffers[op.Input], State.Buffers[op.Output]);
        var source = new ReadOnlySpan<float>(input.Row(State.Inputs.Outputs[row].Row), input.Columns);
        source.CopyTo(new Span<float>(output.Row(row), output.Columns));
    }
}

/// <summary>Runs an <see cref="RmsNormOp"/>.</summary>
internal sealed unsafe class RmsNormWork<TL, TV>(StepState state, RmsNormOp op) : RowWork(state, op.Output, 2 * state.Buffers[op.Output].Columns)
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var (input, output) = (State.Buffers[op.Input], State.Buffers[op.Output]);
        if (op.Weight is not { } index)
        {
            RowKernel<TL, TV>.Copy(input.Row(row), output.Row(row), input.Columns, !State.Exact);
            return;
        }

        var weight = State.Weights[index].Vector;
        if (op.FirstColumn is { } first)
        {
            RowKernel<TL, TV>.RmsNorm(input.Row(row) + first, weight, output.Row(row) + first, State.Program.Weights[index].Columns, op.Epsilon, round: false);
        }
        else if (op.Accumulate)
        {
            RowKernel<TL, TV>.AddRmsNorm(input.Row(row), weight, output.Row(row), input.Columns, op.Epsilon);
        }
        else
        {
            RowKernel<TL, TV>.RmsNorm(input.Row(row), weight, output.Row(row), input.Columns, op.Epsilon, !State.Exact);
        }
    }
}

/// <summary>Runs a <see cref="LayerNormOp"/>.</summary>
internal sealed unsafe class LayerNormWork<TL, TV>(StepState state, LayerNormOp op) : RowWork(state, op.Output, 3 * state.Buffers[op.Output].Columns)
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var x = State.Buffers[op.Input].Row(row);
        var y = State.Buffers[op.Output].Row(row);
        var columns = State.Program.Weights[op.Weight].Columns;
        var weight = State.Weights[op.Weight].Vector;
        var bias = op.Bias is { } index ? State.Weights[index].Vector : null;
        if (op.FirstColumn is not { } first)
        {
            RowKernel<TL, TV>.LayerNorm(x, weight, bias, y, columns, op.Epsilon, !State.Exact);
            return;
        }

        var size = State.Program.Shape.HeadSize;
        for (var column = 0; column < columns; column += size)
        {
            RowKernel<TL, TV>.LayerNorm(x + first + column, weight + column, bias is null ? null : bias + column, y + first + column, size, op.Epsilon, round: false);
        }
    }
}

/// <summary>Runs an <see cref="ActivationOp"/>.</summary>
internal sealed unsafe class ActivationWork<TL, TV>(StepState state, ActivationOp op) : RowWork(state, op.Output, 16 * state.Buffers[op.Output].Columns)
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var output = State.Buffers[op.Output];
        var numbers = op.Numbers is { } index ? State.Weights[index].Vector : null;
        RowKernel<TL, TV>.Activate(State.Buffers[op.Input].Row(row), output.Row(row), output.Columns, op.Activation, numbers, !State.Exact);
    }
}

/// <summary>Runs a <see cref="GateMulOp"/>.</summary>
internal sealed unsafe class GateMulWork<TL, TV>(StepState state, GateMulOp op) : RowWork(state, op.Output, 16 * state.Buffers[op.Output].Columns)
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var output = State.Buffers[op.Output];
        RowKernel<TL, TV>.GateMul(State.Buffers[op.Input].Row(row), output.Row(row), output.Columns, op.Activation, op.Limit, Factor(row), !State.Exact);
    }

    private float Factor(int row) => op.Factor is { } factor ? RowKernel<TL, TV>.Logistic(*State.Buffers[factor].Row(row)) : 1;
}

/// <summary>Runs a <see cref="SigmoidMulOp"/>.</summary>
internal sealed unsafe class SigmoidMulWork<TL, TV>(StepState state, SigmoidMulOp op) : RowWork(state, op.Output, 16 * state.Buffers[op.Output].Columns)
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var output = State.Buffers[op.Output];
        RowKernel<TL, TV>.SigmoidMul(State.Buffers[op.Input].Row(row), State.Buffers[op.Gate].Row(row), output.Row(row), output.Columns, !State.Exact);
    }
}

/// <summary>Runs a <see cref="RopeAndAppendOp"/>: rows write their own slots of the pages, which no other row of the step reads before the operation ends.</summary>
internal sealed unsafe class RopeAndAppendWork<TL, TV>(StepState state, RopeAndAppendOp op) : RowWork(state, op.Input, 8 * state.Buffers[op.Input].Columns)
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <inheritdoc/>
    protected override void ExecuteRow(int row)
    {
        var shape = State.Program.Shape;
        var qkv = State.Buffers[op.Input].Row(row);
        var keys = qkv + shape.QueryWidth;
        var values = keys + shape.KvWidth;
        Turn(qkv, shape.HeadCount, op.QueryNorm, row);
        Turn(keys, shape.KvHeadCount, op.KeyNorm, row);
        RowKernel<TL, TV>.Copy(qkv, State.Buffers[op.Output].Row(row), shape.QueryWidth, !State.Exact);
        var (page, slot) = (State.Inputs.AppendPages[row], State.Inputs.AppendSlots[row]);
        for (var head = 0; head < shape.KvHeadCount; head++)
        {
            State.Pages.Append(page, slot, op.Layer, head, keys + (head * shape.HeadSize), values + (head * shape.HeadSize));
        }
    }

    private void Turn(float* heads, int count, int? norm, int row)
    {
        var size = State.Program.Shape.HeadSize;
        var rope = State.Program.Rope;
        var first = (long)(rope.FirstOf(op.Table) + State.Inputs.Positions[row]) * rope.PairCount;
        fixed (float* cosines = rope.Cosines, sines = rope.Sines)
        {
            for (var head = 0; head < count; head++)
            {
                var at = heads + (head * size);
                if (norm is { } weight)
                {
                    RowKernel<TL, TV>.RmsNorm(at, op.NormsTurned ? null : State.Weights[weight].Vector, at, size, op.Epsilon, round: false);
                }

                RowKernel<TL, TV>.Rotate(at, cosines + first, sines + first, rope.PairCount);
                if (norm is { } behind && op.NormsTurned)
                {
                    RowKernel<TL, TV>.Multiply(at, State.Weights[behind].Vector, size);
                }
            }
        }
    }
}
