using Serving.Compute.Managed.Kernels;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Managed.Steps;

/// <summary>
/// Runs a <see cref="PagedAttentionOp"/>. An item is a tile of rows of one sequence with all query heads of one key head; it walks the sequence's ordinals
/// in blocks of 32 within splits of 512, gathering each block from the pages once for the whole tile.
/// </summary>
internal sealed unsafe class AttentionWork<TL, TV> : OpWork
    where TL : struct, ILanes<TV>
    where TV : struct
{
    private readonly PagedAttentionOp _op;
    private readonly AttentionTiles _tiles;
    private readonly AttentionState[] _scratch;
    private readonly int _group;

    /// <summary>Prepares the operation; all attention operations of a program share <paramref name="tiles"/> and <paramref name="scratch"/>.</summary>
    public AttentionWork(StepState state, PagedAttentionOp op, AttentionTiles tiles, AttentionState[] scratch)
        : base(state)
    {
        _op = op;
        _tiles = tiles;
        _scratch = scratch;
        _group = state.Program.Shape.HeadCount / state.Program.Shape.KvHeadCount;
    }

    /// <inheritdoc/>
    public override void Run() => State.Pool.Run(this, _tiles.Count * State.Program.Shape.KvHeadCount, _tiles.Cost);

    /// <inheritdoc/>
    public override void Execute(int item, int worker)
    {
        var kvHeads = State.Program.Shape.KvHeadCount;
        var tile = _tiles[item / kvHeads];
        var kvHead = item % kvHeads;
        var scratch = _scratch[worker];
        var sequence = State.Inputs.Sequences[tile.SequenceIndex];
        var lastOrdinal = sequence.FirstOrdinal + tile.FirstRow + tile.RowCount - 1;
        var queries = tile.RowCount * _group;
        new Span<float>(scratch.TotalMaxima, queries).Fill(float.NegativeInfinity);
        new Span<float>(scratch.TotalWeights, queries).Clear();
        new Span<float>(scratch.TotalSums, queries * scratch.HeadStride).Clear();
        var cursor = new PageCursor(State.Inputs.Entries.Slice(sequence.FirstEntry, sequence.EntryCount));
        var firstBlock = FirstOrdinal(sequence, tile, 0) / AttentionState.Block * AttentionState.Block;
        cursor.Skip(firstBlock);
        for (var split = firstBlock / AttentionState.Split * AttentionState.Split; split <= lastOrdinal; split += AttentionState.Split)
        {
            new Span<float>(scratch.Maxima, queries).Fill(float.NegativeInfinity);
            new Span<float>(scratch.Weights, queries).Clear();
            new Span<float>(scratch.Sums, queries * scratch.HeadStride).Clear();
            var end = Math.Min(split + AttentionState.Split, lastOrdinal + 1);
            for (var block = Math.Max(split, firstBlock); block < end; block += AttentionState.Block)
            {
                Gather(ref cursor, Math.Min(AttentionState.Block, end - block), kvHead, scratch);
                AddBlock(scratch, sequence, tile, kvHead, block);
            }

            MergeSplit(scratch, sequence, tile, split);
        }

        WriteTile(scratch, sequence, tile, kvHead);
    }

    private void Gather(ref PageCursor cursor, int count, int kvHead, AttentionState scratch)
    {
        for (var filled = 0; filled < count;)
        {
            var taken = cursor.Take(count - filled, out var page, out var slot);
            State.Pages.GatherKeys(page, slot, taken, _op.Layer, kvHead, scratch.Keys + filled, AttentionState.KeyStride, scratch.KeyScales + filled);
            State.Pages.GatherValues(page, slot, taken, _op.Layer, kvHead, scratch.Values + (filled * scratch.HeadStride), scratch.HeadStride, scratch.ValueScales + filled);
            filled += taken;
        }
    }

    private void AddBlock(AttentionState scratch, in StepSequence sequence, in AttentionTile tile, int kvHead, int block)
    {
        var queries = tile.RowCount * _group;
        var heads = stackalloc float*[4];
        for (var first = 0; first < queries; first += 4)
        {
            var count = Math.Min(4, queries - first);
            for (var i = 0; i < count; i++)
            {
                heads[i] = Head(_op.Input, sequence, tile, kvHead, first + i);
            }

            AttentionKernel<TL, TV>.Score(heads, count, scratch.Keys, State.Program.Shape.HeadSize, scratch.Scores + (first * AttentionState.Block));
        }

        for (var query = 0; query < queries;)
        {
            var valid = Valid(sequence, tile, query, block);
            var two = query + 1 < queries && Valid(sequence, tile, query + 1, block) == valid && Sees(sequence, tile, query + 1, block);
            if (Sees(sequence, tile, query, block))
            {
                AddQueries(scratch, sequence, tile, query, two ? 2 : 1, block);
            }

            query += two ? 2 : 1;
        }
    }

    private void AddQueries(AttentionState scratch, in StepSequence sequence, in AttentionTile tile, int first, int count, int block)
    {
        var valid = Valid(sequence, tile, first, block);
        var scores = scratch.Scores + (first * AttentionState.Block);
        var stride = scratch.HeadStride;
        var sums = scratch.Sums + (first * stride);
        var scaled = State.Pages.HasScales;
        for (var i = 0; i < count; i++)
        {
            AttentionKernel<TL, TV>.Softmax(
                scores + (i * AttentionState.Block),
                FirstOrdinal(sequence, tile, first + i) - block,
                valid,
                _op.Scale,
                _op.ScoreCap,
                scratch.Maxima + first + i,
                scratch.Weights + first + i,
                sums + (i * stride),
                stride,
                !State.Exact,
                scaled ? scratch.KeyScales : null,
                scaled ? scratch.ValueScales : null);
        }

        if (count == 2)
        {
            AttentionKernel<TL, TV>.AccumulateTwo(scores, valid, scratch.Values, stride, sums, stride);
        }
        else
        {
            AttentionKernel<TL, TV>.Accumulate(scores, valid, scratch.Values, stride, sums, stride);
        }
    }

    /// <summary>The first ordinal that a query attends to.</summary>
    private int FirstOrdinal(in StepSequence sequence, in AttentionTile tile, int query) =>
        _op.Window == 0 ? 0 : Math.Max(0, sequence.FirstOrdinal + tile.FirstRow + (query / _group) + 1 - _op.Window);

    /// <summary>Whether a query attends to any ordinal of a block; others leave its state as it is.</summary>
    private bool Sees(in StepSequence sequence, in AttentionTile tile, int query, int block) =>
        Valid(sequence, tile, query, block) > 0 && FirstOrdinal(sequence, tile, query) < block + AttentionState.Block;

    /// <summary>How many ordinals of a block are at or before the query's own.</summary>
    private int Valid(in StepSequence sequence, in AttentionTile tile, int query, int block) =>
        Math.Min(AttentionState.Block, sequence.FirstOrdinal + tile.FirstRow + (query / _group) + 1 - block);

    private void MergeSplit(AttentionState scratch, in StepSequence sequence, in AttentionTile tile, int split)
    {
        for (var query = 0; query < tile.RowCount * _group; query++)
        {
            if (sequence.FirstOrdinal + tile.FirstRow + (query / _group) >= split && FirstOrdinal(sequence, tile, query) < split + AttentionState.Split)
            {
                var at = query * scratch.HeadStride;
                AttentionKernel<TL, TV>.Merge(
                    scratch.Maxima[query],
                    scratch.Weights[query],
                    scratch.Sums + at,
                    scratch.TotalMaxima + query,
                    scratch.TotalWeights + query,
                    scratch.TotalSums + at,
                    scratch.HeadStride);
            }
        }
    }

    private void WriteTile(AttentionState scratch, in StepSequence sequence, in AttentionTile tile, int kvHead)
    {
        for (var query = 0; query < tile.RowCount * _group; query++)
        {
            var output = Head(_op.Output, sequence, tile, kvHead, query);
            var sums = scratch.TotalSums + (query * scratch.HeadStride);
            if (_op.Sinks is { } sinks)
            {
                var sink = State.Weights[sinks].Vector[(kvHead * _group) + (query % _group)];
                AttentionKernel<TL, TV>.AddSink(sink, scratch.TotalMaxima + query, scratch.TotalWeights + query, sums, scratch.HeadStride);
            }

            AttentionKernel<TL, TV>.Finish(sums, scratch.TotalWeights[query], output, State.Program.Shape.HeadSize, !State.Exact);
        }
    }

    private float* Head(int buffer, in StepSequence sequence, in AttentionTile tile, int kvHead, int query)
    {
        var row = sequence.FirstRow + tile.FirstRow + (query / _group);
        var head = (kvHead * _group) + (query % _group);
        return State.Buffers[buffer].Row(row) + (head * State.Program.Shape.HeadSize);
    }
}
