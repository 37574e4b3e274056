using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Memory;
using Serving.Compute.Programs;

namespace Serving.Compute.Managed.Steps;

/// <summary>Runs a <see cref="ConvolutionOp"/>. An item is a block of columns of one sequence, with all its rows.</summary>
internal sealed unsafe class ConvolutionWork<TL, TV>(StepState state, ConvolutionOp op) : OpWork(state)
    where TL : struct, ILanes<TV>
    where TV : struct
{
    private const int BlockColumns = 256;

    private readonly int _columns = state.Buffers[op.Output].Columns;
    private readonly NativeBuffer<float> _scratch = new((long)state.Pool.WorkerCount * op.Taps * BlockColumns);

    private int Blocks => (_columns + BlockColumns - 1) / BlockColumns;

    /// <inheritdoc/>
    public override void Run() => State.Pool.Run(this, State.Inputs.Sequences.Length * Blocks, (long)State.Inputs.RowCount * _columns * (op.Taps + 16));

    /// <inheritdoc/>
    public override void Execute(int item, int worker)
    {
        var sequence = State.Inputs.Sequences[item / Blocks];
        var first = item % Blocks * BlockColumns;
        var columns = Math.Min(BlockColumns, _columns - first);
        var before = _scratch.Pointer + ((long)worker * op.Taps * BlockColumns);
        new Span<float>(before, (op.Taps - 1) * BlockColumns).Clear();
        for (var tap = 0; tap < op.Taps - 1 && sequence.StateRead >= 0; tap++)
        {
            State.StateAt(sequence.StateRead).Read(OffsetOf(tap, first), new Span<float>(before + (tap * BlockColumns), columns));
        }

        var bias = op.Bias is { } index ? State.Weights[index].Vector + first : null;
        Span<nint> rows = stackalloc nint[op.Taps];
        for (var row = 0; row < sequence.RowCount; row++)
        {
            for (var tap = 0; tap < op.Taps; tap++)
            {
                rows[tap] = (nint)RowAt(row + tap - op.Taps + 1);
            }

            var output = State.Buffers[op.Output].Row(sequence.FirstRow + row) + first;
            RecurrenceKernel<TL, TV>.Convolve(rows, State.Weights[op.Weight].Vector + first, _columns, bias, output, columns, op.Silu);
        }

        for (var tap = 0; tap < op.Taps - 1; tap++)
        {
            State.StateAt(sequence.StateWrite).Write(OffsetOf(tap, first), new ReadOnlySpan<float>(RowAt(sequence.RowCount - op.Taps + 1 + tap), columns));
        }

        // A row of the step, or of the state where it is before the first.
        float* RowAt(int row) => row < 0 ? before + ((row + op.Taps - 1) * BlockColumns) : State.Buffers[op.Input].Row(sequence.FirstRow + row) + op.FirstColumn + first;
    }

    /// <inheritdoc/>
    public override void Dispose() => _scratch.Dispose();

    private long OffsetOf(int tap, int column) => op.StateOffset + ((((long)tap * _columns) + column) * sizeof(float));
}

/// <summary>Runs a <see cref="DeltaRuleOp"/>. An item is one value head of one sequence, token by token.</summary>
internal sealed unsafe class DeltaRuleWork<TL, TV>(StepState state, DeltaRuleOp op) : OpWork(state)
    where TL : struct, ILanes<TV>
    where TV : struct
{
    private readonly DeltaRuleHeads _heads = op.Heads;
    private readonly int _stateSize = op.Heads.KeySize * op.Heads.ValueSize;
    private readonly NativeBuffer<float> _scratch = new((long)state.Pool.WorkerCount * ScratchOf(op.Heads));

    /// <inheritdoc/>
    public override void Run() => State.Pool.Run(this, State.Inputs.Sequences.Length * _heads.ValueHeads, 4L * State.Inputs.RowCount * _heads.ValueHeads * _stateSize);

    /// <inheritdoc/>
    public override void Execute(int item, int worker)
    {
        var sequence = State.Inputs.Sequences[item / _heads.ValueHeads];
        var head = item % _heads.ValueHeads;
        var s = _scratch.Pointer + ((long)worker * ScratchOf(_heads));
        var offset = op.StateOffset + ((long)head * _stateSize * sizeof(float));
        var all = new Span<float>(s, _stateSize);
        if (sequence.StateRead < 0)
        {
            all.Clear();
        }
        else
        {
            State.StateAt(sequence.StateRead).Read(offset, all);
        }

        for (var row = sequence.FirstRow; row < sequence.FirstRow + sequence.RowCount; row++)
        {
            Step(row, head, s);
        }

        State.StateAt(sequence.StateWrite).Write(offset, all);
    }

    /// <inheritdoc/>
    public override void Dispose() => _scratch.Dispose();

    private static int ScratchOf(DeltaRuleHeads heads) => (heads.KeySize * heads.ValueSize) + (2 * heads.KeySize) + heads.ValueSize + 64;

    private void Step(int row, int head, float* s)
    {
        var (keySize, valueSize) = (_heads.KeySize, _heads.ValueSize);
        var q = s + _stateSize;
        var k = q + keySize;
        var o = k + keySize;
        var input = State.Buffers[op.Input].Row(row);
        var keyHead = head / (_heads.ValueHeads / _heads.KeyHeads);
        RowKernel<TL, TV>.Normalize(input + (keyHead * keySize), q, keySize, 1 / MathF.Sqrt(keySize));
        RowKernel<TL, TV>.Normalize(input + ((_heads.KeyHeads + keyHead) * keySize), k, keySize, 1);
        var v = input + (2 * _heads.KeyHeads * keySize) + (head * valueSize);
        var rates = State.Buffers[op.Rates].Row(row);
        var beta = RowKernel<TL, TV>.Logistic(rates[head]);
        var decay = Decay(State.Weights[op.Rate].Vector[head], rates[_heads.ValueHeads + head] + State.Weights[op.DecayBias].Vector[head]);
        RecurrenceKernel<TL, TV>.Step(s, q, k, v, o, keySize, valueSize, decay, beta);
        var gate = State.Buffers[op.Gate].Row(row) + op.GateColumn + (head * valueSize);
        RowKernel<TL, TV>.GatedNorm(o, State.Weights[op.Norm].Vector, gate, State.Buffers[op.Output].Row(row) + (head * valueSize), valueSize, op.Epsilon, !State.Exact);
    }

    /// <summary>exp(rate · ln(1 + eˣ)), in double: what is off here is taken to the power of every token.</summary>
    private static float Decay(float rate, float x) => (float)Math.Exp(rate * (x > 30 ? x : Math.Log(1 + Math.Exp(x))));
}
