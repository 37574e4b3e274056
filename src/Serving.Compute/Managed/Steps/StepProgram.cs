using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Memory;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Managed.Steps;

/// <summary>A program made ready to run for one width of vectors: its operations in order, and the scratch they share.</summary>
internal abstract class StepProgram : IDisposable
{
    /// <summary>Runs one step.</summary>
    public abstract void Run(StepInputs inputs, StepOutputs outputs);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <inheritdoc/>
internal sealed class StepProgram<TL, TV> : StepProgram
    where TL : struct, ILanes<TV>
    where TV : struct
{
    private readonly StepState _state;
    private readonly LinearTiles _linearTiles;
    private readonly AttentionTiles _attentionTiles;
    private readonly AttentionState[] _attention;
    private readonly OpWork[] _works;
    private readonly int _logitsInput;

    /// <summary>Prepares every operation of the state's program.</summary>
    public StepProgram(StepState state)
    {
        _state = state;
        var shape = state.Program.Shape;
        var workers = state.Pool.WorkerCount;
        var slices = state.Program.Ops.OfType<LinearOp>().Select(op => op.Slices.Count).DefaultIfEmpty().Max();
        var integerInputs = state.Program.Weights.Where(weight => weight.Kind != WeightKind.Vector && weight.Format != WeightFormat.BFloat16).Select(weight => weight.Columns).DefaultIfEmpty().Max();
        var rows = Math.Max(state.Program.RowsOf(BufferRows.Choice, state.Limits.MaxRows, 0), state.Limits.MaxOutputs);
        _linearTiles = new LinearTiles(workers, Math.Max(rows, state.Limits.MaxRows), slices, integerInputs);
        _attentionTiles = new AttentionTiles(shape, state.Limits);
        _attention = new AttentionState[workers];
        for (var i = 0; i < workers; i++)
        {
            _attention[i] = new AttentionState(shape.HeadSize, shape.HeadCount / shape.KvHeadCount);
        }

        _works = [.. state.Program.Ops.Select(Prepare)];
        _logitsInput = state.Program.LogitsInput;
    }

    /// <inheritdoc/>
    public override void Run(StepInputs inputs, StepOutputs outputs)
    {
        foreach (var copy in inputs.Copies)
        {
            _state.Pages.Copy(copy.Source, copy.Destination, copy.Tokens);
        }

        _state.Begin(inputs, outputs);
        _attentionTiles.Begin(inputs);
        foreach (var work in _works)
        {
            work.Run();
        }

        _state.End();
        GiveHidden(inputs, outputs);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var work in _works)
        {
            work.Dispose();
        }

        foreach (var scratch in _attention)
        {
            scratch.Dispose();
        }

        _linearTiles.Dispose();
        _state.Dispose();
    }

    private unsafe void GiveHidden(StepInputs inputs, StepOutputs outputs)
    {
        var hidden = inputs.HiddenOutputs;
        for (var i = 0; i < hidden.Length; i++)
        {
            var buffer = _state.Buffers[_logitsInput];
            new ReadOnlySpan<float>(buffer.Row(hidden[i]), buffer.Columns).CopyTo(outputs.Hidden.AsSpan(i * buffer.Columns));
        }
    }

    private OpWork Prepare(ProgramOp op) => op switch
    {
        EmbedOp embed => new EmbedWork(_state, embed),
        RmsNormOp norm => new RmsNormWork<TL, TV>(_state, norm),
        LayerNormOp norm => new LayerNormWork<TL, TV>(_state, norm),
        LinearOp linear => new LinearWork<TL, TV>(_state, linear, _linearTiles),
        RopeAndAppendOp rope => new RopeAndAppendWork<TL, TV>(_state, rope),
        PagedAttentionOp attention => new AttentionWork<TL, TV>(_state, attention, _attentionTiles, _attention),
        SigmoidMulOp gate => new SigmoidMulWork<TL, TV>(_state, gate),
        ConvolutionOp convolution => new ConvolutionWork<TL, TV>(_state, convolution),
        DeltaRuleOp rule => new DeltaRuleWork<TL, TV>(_state, rule),
        GateMulOp silu => new GateMulWork<TL, TV>(_state, silu),
        ActivationOp activation => new ActivationWork<TL, TV>(_state, activation),
        RouteOp route => new RouteWork<TL, TV>(_state, route),
        DispatchOp dispatch => new DispatchWork(_state, dispatch),
        CombineOp combine => new CombineWork(_state, combine),
        GatherOp gather => new GatherWork(_state, gather),
        LogitsOp logits => new LinearWork<TL, TV>(_state, logits, _linearTiles),
        SampleOp sample => new SampleWork<TL, TV>(_state, sample),
        _ => throw new ArgumentException($"The managed backend has no operation {op.GetType().Name}."),
    };
}
