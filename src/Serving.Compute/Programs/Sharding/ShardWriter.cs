namespace Serving.Compute.Programs.Sharding;

/// <summary>Writes one rank's list, operation by operation.</summary>
internal sealed class ShardWriter
{
    private readonly ModelProgram _program;
    private readonly int _rank;
    private readonly int _ranks;
    private readonly ModelShape _shape;
    private readonly ShardRange _hidden;
    private readonly ShardRange _intermediate;
    private readonly List<ProgramBuffer> _buffers;
    private readonly WeightShard[] _weights;
    private readonly LoraSlice[] _slices;
    private readonly SliceShard[] _sliceShards;
    private readonly List<ProgramOp> _ops = [];
    private int? _partial;

    public ShardWriter(ModelProgram program, int rank, int ranks)
    {
        (_program, _rank, _ranks, _shape) = (program, rank, ranks, program.Shape);
        _hidden = ShardRange.Of(_shape.HiddenSize, rank, ranks);
        _intermediate = ShardRange.Of(_shape.IntermediateSize, rank, ranks);
        _buffers = [.. program.Buffers];
        _weights = [.. program.Weights.Select(Whole)];
        _slices = [.. program.Slices];
        _sliceShards = new SliceShard[_slices.Length];
    }

    /// <summary>The whole of it.</summary>
    public ProgramShard Write()
    {
        foreach (var op in _program.Ops)
        {
            Write(op);
        }

        var shape = _shape with { HeadCount = _shape.HeadCount / _ranks, KvHeadCount = _shape.KvHeadCount / _ranks, IntermediateSize = _intermediate.Count };
        var weights = _program.Weights.Zip(_weights, Cut).ToList();
        return new ProgramShard(_program with { Shape = shape, Buffers = _buffers, Weights = weights, Slices = _slices, Ops = _ops }, _weights, _sliceShards);
    }

    private void Write(ProgramOp op)
    {
        switch (op)
        {
            case LinearOp linear when _program.IsRouter(linear):
                _ops.Add(linear); // Whole on every rank.
                break;
            case LinearOp linear when _program.IsExperts(linear):
                WriteExperts(linear);
                break;
            case LinearOp linear when ProgramSharding.IsByInputs(linear):
                WriteByInputs(linear);
                break;
            case LinearOp linear:
                WriteByOutputs(linear);
                break;
            case RopeAndAppendOp rope:
                Resize(rope.Output, RangeOf(Projection.Query).Count);
                _ops.Add(op);
                break;
            case PagedAttentionOp attention:
                Resize(attention.Output, RangeOf(Projection.Query).Count);
                CutSinks(attention);
                _ops.Add(op);
                break;
            case GateMulOp gate:
                Resize(gate.Output, _buffers[gate.Input].Columns / 2);
                _ops.Add(op);
                break;
            case ActivationOp activation:
                Resize(activation.Output, _buffers[activation.Input].Columns);
                _ops.Add(op);
                break;
            case CombineOp combine:
                _ops.Add(combine with { Output = Partial, Accumulate = false });
                _ops.Add(new AllReduceOp(Partial, combine.Output, combine.Accumulate));
                break;
            case LogitsOp logits:
                WriteLogits(logits);
                break;
            default:
                _ops.Add(op);
                break;
        }
    }

    /// <summary>The sinks of the rank's heads.</summary>
    private void CutSinks(PagedAttentionOp op)
    {
        if (op.Sinks is { } sinks)
        {
            var heads = ShardRange.Even(_shape.HeadCount, _rank, _ranks);
            _weights[sinks] = new WeightShard(heads.Count, [new RowRun(heads.First, heads.Count, 0)], new ShardRange(0, 1));
        }
    }

    /// <summary>q, k, v or gate, up: the rank's rows of each, side by side.</summary>
    private void WriteByOutputs(LinearOp op)
    {
        var runs = new List<RowRun>();
        var offset = 0;
        foreach (var slice in op.Slices)
        {
            var outputs = RangeOf(slice.Projection);
            runs.Add(new RowRun(slice.OutputOffset + outputs.First, outputs.Count, offset));
            Put(slice with { InputWidth = _hidden.Count, InputOffset = _hidden.First, OutputOffset = offset, OutputWidth = outputs.Count }, new SliceShard(_hidden, outputs));
            offset += outputs.Count;
        }

        _weights[op.Weight] = new WeightShard(offset, runs, new ShardRange(0, _program.Weights[op.Weight].Columns));
        if (op.Bias is { } bias)
        {
            _weights[bias] = new WeightShard(offset, runs, new ShardRange(0, 1));
        }

        Resize(op.Output, offset);
        _ops.Add(op with { Slices = SlicesOf(op) });
    }

    /// <summary>o or down: the columns that read the rank's own values. The rank's share of bias and delta goes into its part of the sum.</summary>
    private void WriteByInputs(LinearOp op)
    {
        var slice = op.Slices[0];
        var inputs = RangeOf(slice.Projection == Projection.Output ? Projection.Query : Projection.Up);
        Put(slice with { InputWidth = inputs.Count, OutputOffset = _hidden.First, OutputWidth = _hidden.Count }, new SliceShard(inputs, _hidden));
        _weights[op.Weight] = new WeightShard(_shape.HiddenSize, [new RowRun(0, _shape.HiddenSize, 0)], inputs);
        if (op.Bias is { } bias)
        {
            _weights[bias] = new WeightShard(_shape.HiddenSize, [new RowRun(_hidden.First, _hidden.Count, _hidden.First)], new ShardRange(0, 1));
        }

        _ops.Add(op with { Output = Partial, Mode = LinearOutput.Partial, Slices = SlicesOf(op) });
        _ops.Add(new AllReduceOp(Partial, op.Output, Accumulate: op.Mode == LinearOutput.Accumulate));
    }

    /// <summary>
    /// Every expert's gate, up or its down, cut as an MLP's are. A rank's down is its part of a sum that is taken over the ranks once the row's choices are put together: its bias, too, is added to
    /// the rank's share of the columns alone.
    /// </summary>
    private void WriteExperts(LinearOp op)
    {
        var weight = _program.Weights[op.Weight];
        var rows = weight.RowsPerExpert;
        if (ProgramSharding.IsGated(op, _program))
        {
            var columns = ShardRange.Of(rows / 2, _rank, _ranks);
            var runs = Enumerable.Range(0, 2 * weight.Experts).Select(half => new RowRun((half * (rows / 2)) + columns.First, columns.Count, half * columns.Count)).ToList();
            Cut(runs, 2 * weight.Experts * columns.Count, new ShardRange(0, weight.Columns), runs);
            Resize(op.Output, 2 * columns.Count);
        }
        else
        {
            var own = Enumerable.Range(0, weight.Experts).Select(expert => (expert * rows) + _hidden.First).Select(first => new RowRun(first, _hidden.Count, first)).ToList();
            Cut([new RowRun(0, weight.Rows, 0)], weight.Rows, ShardRange.Of(weight.Columns, _rank, _ranks), own);
        }

        _ops.Add(op);

        void Cut(List<RowRun> runs, int length, ShardRange columns, List<RowRun> ofBias)
        {
            _weights[op.Weight] = new WeightShard(length, runs, columns);
            if (op.Bias is { } bias)
            {
                _weights[bias] = new WeightShard(length, ofBias, new ShardRange(0, 1));
            }
        }
    }

    /// <summary>The rank's part of the vocabulary; the buffer is as wide on every rank.</summary>
    private void WriteLogits(LogitsOp op)
    {
        var width = ShardRange.Of(_shape.VocabularySize, 0, _ranks).Count;
        var tokens = ShardRange.Of(_shape.VocabularySize, _rank, _ranks);
        var part = AddBuffer(new ProgramBuffer("logits part", width, BufferElement.Float32, BufferRows.Output));

        // A tied embedding is whole on every rank, as any token may be looked up; the product reads the rank's rows.
        var isTied = _program.Weights[op.Weight].Kind == WeightKind.Embedding;
        if (!isTied)
        {
            _weights[op.Weight] = new WeightShard(tokens.Count, [new RowRun(tokens.First, tokens.Count, 0)], new ShardRange(0, _shape.HiddenSize));
        }

        if (op.Bias is { } bias)
        {
            _weights[bias] = new WeightShard(tokens.Count, [new RowRun(tokens.First, tokens.Count, 0)], new ShardRange(0, 1));
        }

        _ops.Add(op with { Output = part, FirstRow = isTied ? tokens.First : 0 });
        _ops.Add(new AllGatherOp(part, op.Output));
    }

    /// <summary>The rank's part of a sum over the ranks.</summary>
    private int Partial => _partial ??= AddBuffer(new ProgramBuffer("partial", _shape.HiddenSize, BufferElement.Float32, BufferRows.Step));

    private ShardRange RangeOf(Projection projection) => projection switch
    {
        Projection.Query => ShardRange.Even(_shape.QueryWidth, _rank, _ranks),
        Projection.Key or Projection.Value => ShardRange.Even(_shape.KvWidth, _rank, _ranks),
        _ => _intermediate,
    };

    private static WeightShard Whole(WeightSpec weight) => weight.Kind == WeightKind.Vector
        ? new(weight.Columns, [new RowRun(0, weight.Columns, 0)], new ShardRange(0, 1))
        : new(weight.Rows, [new RowRun(0, weight.Rows, 0)], new ShardRange(0, weight.Columns));

    /// <summary>A rank's weight; it comes out of a whole one, not out of a checkpoint.</summary>
    private static WeightSpec Cut(WeightSpec weight, WeightShard shard) => weight.Kind == WeightKind.Vector
        ? weight with { Columns = shard.Length, Parts = [] }
        : weight with { Rows = shard.Length, Columns = shard.Columns.Count, Parts = [] };

    private void Put(LoraSlice slice, SliceShard shard) => (_slices[slice.Index], _sliceShards[slice.Index]) = (slice, shard);

    private List<LoraSlice> SlicesOf(LinearOp op) => [.. op.Slices.Select(slice => _slices[slice.Index])];

    private void Resize(int buffer, int columns) => _buffers[buffer] = _buffers[buffer] with { Columns = columns };

    private int AddBuffer(ProgramBuffer buffer)
    {
        _buffers.Add(buffer);
        return _buffers.Count - 1;
    }
}
