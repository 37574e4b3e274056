using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Sampling;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Managed.Steps;

/// <summary>Runs a <see cref="SampleOp"/>; an item is one output.</summary>
internal sealed unsafe class SampleWork<TL, TV> : OpWork
    where TL : struct, ILanes<TV>
    where TV : struct
{
    /// <summary>Multiply-adds that a logit's share of sampling is worth.</summary>
    private const int CostPerLogit = 8;

    private readonly SampleOp _op;
    private readonly SamplerScratch[] _scratch;

    /// <summary>Prepares the operation and takes its scratch.</summary>
    public SampleWork(StepState state, SampleOp op)
        : base(state)
    {
        _op = op;
        _scratch = new SamplerScratch[state.Pool.WorkerCount];
        for (var i = 0; i < _scratch.Length; i++)
        {
            _scratch[i] = new SamplerScratch(state.Program.Shape.VocabularySize);
        }
    }

    /// <inheritdoc/>
    public override void Run()
    {
        var outputs = State.Inputs.OutputCount;
        State.Pool.Run(this, outputs, (long)outputs * State.Program.Shape.VocabularySize * CostPerLogit);
    }

    /// <inheritdoc/>
    public override void Execute(int item, int worker)
    {
        var logits = State.Buffers[_op.Input].Row(item);
        ref readonly var row = ref State.Inputs.Outputs[item];
        var outputs = State.Outputs!;
        if (outputs.Logits is { } kept)
        {
            var size = State.Program.Shape.VocabularySize;
            new ReadOnlySpan<float>(logits, size).CopyTo(kept.AsSpan(item * size, size));
        }

        var token = row.TargetToken;
        if (token < 0)
        {
            token = RowSampler<TL, TV>.Sample(logits, row, State.Inputs, State.PendingTokenOf(row.Row), _scratch[worker]);
        }

        outputs.TokenIds[item] = token;
        if (row.TopLogprobs >= 0)
        {
            WriteLogprobs(logits, item, token, row.TopLogprobs, outputs);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var scratch in _scratch)
        {
            scratch.Dispose();
        }
    }

    private void WriteLogprobs(float* logits, int item, int token, int count, StepOutputs outputs)
    {
        var size = State.Program.Shape.VocabularySize;
        var normaliser = LogitKernel<TL, TV>.LogSumExp(logits, size);
        outputs.Logprobs[item] = logits[token] - normaliser;
        if (count > 0)
        {
            var ids = outputs.TopIds.AsSpan(item * SampleRow.MaxTopLogprobs, Math.Min(count, size));
            var top = outputs.TopLogprobs.AsSpan(item * SampleRow.MaxTopLogprobs, ids.Length);
            TopTokens.Find(logits, size, ids, top);
            for (var i = 0; i < ids.Length; i++)
            {
                top[i] -= normaliser;
            }
        }
    }
}
