using System.Runtime.InteropServices;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Steps;

/// <summary>Writes a step's inputs, and the lists that the host makes of them for the kernels, into a block of pinned memory, and copies what is used of it.</summary>
internal sealed class StepWriter
{
    private const int MaskTail = 3;
    private const int StateTail = 4;

    private readonly StepLayout _layout;
    private readonly BlockSection[] _tails;
    private readonly int[] _tailCounts;
    private readonly RowTiles _rows;
    private readonly AttentionPlan[] _attention;
    private readonly ShrinkPlan _shrinks;
    private readonly int _modelSlices;
    private readonly int _choicesPerRow;
    private readonly bool _hasState;
    private CudaPinnedBuffer _block = null!;
    private long _headBytes;

    /// <summary>A writer of blocks of one layout.</summary>
    /// <param name="program">The model.</param>
    /// <param name="layout">Where arrays lie.</param>
    /// <param name="residentBlocks">Blocks of an attention kernel that run at once.</param>
    /// <param name="attentionPieces">Splits that attention is given out in at most; null to choose step by step.</param>
    public StepWriter(ModelProgram program, StepLayout layout, int residentBlocks, int? attentionPieces = null)
    {
        _layout = layout;
        _tails = [layout.ShrinkItems, layout.Biases, layout.Penalties, layout.Masks, layout.StatePages];
        _tailCounts = new int[_tails.Length];
        _hasState = program.Shape.StateBytes > 0;
        _modelSlices = program.Slices.Count;
        _choicesPerRow = program.Mixture?.ChoiceCount ?? 0;
        _rows = new RowTiles(layout.Limits);
        _attention = [.. layout.Attention.Select(lists =>
            new AttentionPlan(program.Shape, layout.Limits, layout.StateCapacity, residentBlocks) { Window = lists.Window, MostSplits = attentionPieces })];
        _shrinks = new ShrinkPlan(layout.Sites);
    }

    /// <summary>Writes a step.</summary>
    /// <param name="inputs">The step.</param>
    /// <param name="rankBlocks">Rank blocks by slot and slice of the model.</param>
    /// <param name="block">Where to.</param>
    public StepSize Write(StepInputs inputs, ReadOnlySpan<byte> rankBlocks, CudaPinnedBuffer block)
    {
        _block = block;
        _headBytes = 0;
        Copy(_layout.TokenIds, inputs.TokenIds);
        Copy(_layout.Positions, inputs.Positions);
        Copy(_layout.AppendPages, inputs.AppendPages);
        Copy(_layout.AppendSlots, inputs.AppendSlots);
        Copy(_layout.Sequences, inputs.Sequences);
        Copy(_layout.Copies, inputs.Copies);
        Copy(_layout.SampleRows, inputs.Outputs);
        Copy(_layout.Entries, inputs.Entries);
        CopyTail(1, inputs.Biases);
        CopyTail(2, inputs.Penalties);
        WriteMasks(inputs.HasLateMasks ? [] : inputs.Masks);
        WriteStates(inputs);
        var hasAdapters = WriteRows(inputs, rankBlocks);
        WriteAttention(inputs);
        WriteHeader(inputs);
        return new StepSize
        {
            Rows = inputs.RowCount,
            Outputs = inputs.OutputCount,
            Sequences = inputs.SequenceCount,
            Copies = inputs.CopyCount,
            DecodeItems = Most(_attention, plan => plan.Decode.Count),
            PrefillItems = Most(_attention, plan => plan.Prefill.Count),
            Tiles = _rows.EndCount,
            HasPartials = Most(_attention, plan => plan.StateCount) > 0,
            HasAdapters = hasAdapters,
        };
    }

    /// <summary>Queues the copy of what the last step uses: one piece, and one for each of the long lists that it has.</summary>
    public void Queue(CudaDeviceBuffer device, CudaStream stream)
    {
        device.CopyFromAsync(0, _block, 0, _headBytes, stream);
        for (var i = 0; i < _tails.Length; i++)
        {
            QueueTail(i, device, stream);
        }
    }

    /// <summary>Writes the last step's masks where they came late, and queues their copy.</summary>
    public void QueueMasks(ReadOnlySpan<uint> masks, CudaDeviceBuffer device, CudaStream stream)
    {
        WriteMasks(masks);
        QueueTail(MaskTail, device, stream);
    }

    private void WriteMasks(ReadOnlySpan<uint> masks) => CopyTail(MaskTail, masks);

    private void QueueTail(int tail, CudaDeviceBuffer device, CudaStream stream)
    {
        if (_tailCounts[tail] > 0)
        {
            device.CopyFromAsync(_tails[tail].Offset, _block, _tails[tail].Offset, (long)_tailCounts[tail] * _tails[tail].ElementBytes, stream);
        }
    }

    private void WriteHeader(StepInputs inputs) => MemoryMarshal.Write(_block.Span<byte>(_layout.Header.Offset, _layout.Header.ElementBytes), new StepHeader
    {
        RowCount = inputs.RowCount,
        SequenceCount = inputs.SequenceCount,
        OutputCount = inputs.OutputCount,
        CopyCount = inputs.CopyCount,
        ChoiceCount = inputs.RowCount * _choicesPerRow,
        Tiles = new ListRange { Count = _rows.EndCount },
    });

    private void WriteStates(StepInputs inputs)
    {
        CopyTail(StateTail, inputs.StatePages);
        if (!_hasState)
        {
            return;
        }

        var count = inputs.RowCount;
        _headBytes = Math.Max(_headBytes, _layout.RowSequences.End(count));
        var rows = _block.Span<int>(_layout.RowSequences.Offset, count);
        for (var sequence = 0; sequence < inputs.SequenceCount; sequence++)
        {
            rows.Slice(inputs.Sequences[sequence].FirstRow, inputs.Sequences[sequence].RowCount).Fill(sequence);
        }
    }

    private bool WriteRows(StepInputs inputs, ReadOnlySpan<byte> rankBlocks)
    {
        _rows.Build(inputs);
        Copy(_layout.RowSlots, _rows.Slots);
        Copy(_layout.Tiles, _rows.Ends);
        _shrinks.Build(_rows.Tiles, rankBlocks, _modelSlices);
        Copy(_layout.ShrinkRanges, _shrinks.Ranges);
        CopyTail(0, _shrinks.Items);
        return _rows.Slots.ContainsAnyExcept(-1);
    }

    private void WriteAttention(StepInputs inputs)
    {
        for (var i = 0; i < _attention.Length; i++)
        {
            var (plan, lists) = (_attention[i], _layout.Attention[i]);
            plan.Build(inputs);
            var ranges = new AttentionRanges { All = new ListRange { Count = plan.Items.Length }, Decode = plan.Decode, Prefill = plan.Prefill };
            Copy<AttentionRanges>(lists.Ranges, [ranges]);
            Copy(lists.RowList, plan.RowList);
            Copy(lists.RowPartials, plan.RowPartials);
            Copy(lists.Items, plan.Items);
            Copy(_layout.RowOrdinals, plan.RowOrdinals);
        }
    }

    /// <summary>The most of some plans: kernels read from their lists' ranges how much there is of their own.</summary>
    private static int Most(AttentionPlan[] plans, Func<AttentionPlan, int> count)
    {
        var most = 0;
        foreach (var plan in plans)
        {
            most = Math.Max(most, count(plan));
        }

        return most;
    }

    private void Copy<T>(BlockSection section, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var end = section.End(values.Length);
        if (values.Length > 0)
        {
            values.CopyTo(_block.Span<T>(section.Offset, values.Length));
            _headBytes = Math.Max(_headBytes, end);
        }
    }

    private void CopyTail<T>(int tail, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        _tails[tail].End(values.Length);
        values.CopyTo(_block.Span<T>(_tails[tail].Offset, values.Length));
        _tailCounts[tail] = values.Length;
    }
}
