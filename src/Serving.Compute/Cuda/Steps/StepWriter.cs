using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Steps;

/// <summary>Writes a step's inputs, and the lists that the host makes of them for the kernels, into a block of pinned memory.</summary>
internal sealed class StepWriter
{
    private readonly StepLayout _layout;
    private readonly RowTiles _rows;
    private readonly AttentionPlan _attention;
    private CudaPinnedBuffer _block = null!;

    /// <summary>A writer of blocks of one layout.</summary>
    public StepWriter(ModelShape shape, StepLayout layout)
    {
        _layout = layout;
        _rows = new RowTiles(layout.Limits);
        _attention = new AttentionPlan(shape, layout.Limits, layout.StateCapacity);
    }

    /// <summary>Bytes of the block that the last step uses.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Writes a step. It allocates nothing.</summary>
    public StepSize Write(StepInputs inputs, CudaPinnedBuffer block)
    {
        _block = block;
        UsedBytes = 0;
        Copy(_layout.TokenIds, inputs.TokenIds);
        Copy(_layout.Positions, inputs.Positions);
        Copy(_layout.AppendPages, inputs.AppendPages);
        Copy(_layout.AppendSlots, inputs.AppendSlots);
        Copy(_layout.Sequences, inputs.Sequences);
        Copy(_layout.Copies, inputs.Copies);
        Copy(_layout.SampleRows, inputs.Outputs);
        Copy(_layout.Entries, inputs.Entries);
        Copy(_layout.Biases, inputs.Biases);
        Copy(_layout.Penalties, inputs.Penalties);
        _rows.Build(inputs);
        Copy(_layout.RowSlots, _rows.Slots);
        WriteAttention(inputs);
        Take<StepHeader>(_layout.Header, 1)[0] = new StepHeader
        {
            RowCount = inputs.RowCount,
            SequenceCount = inputs.SequenceCount,
            OutputCount = inputs.OutputCount,
            CopyCount = inputs.CopyCount,
            AttentionItems = new ListRange { Count = _attention.Items.Length },
        };
        return new StepSize(
            inputs.RowCount,
            inputs.OutputCount,
            inputs.SequenceCount,
            _attention.Items.Length,
            inputs.CopyCount,
            HasPartials: _attention.StateCount > 0,
            HasAdapters: _rows.Slots.ContainsAnyExcept(-1));
    }

    private void WriteAttention(StepInputs inputs)
    {
        _attention.Build(inputs);
        Copy(_layout.RowList, _attention.RowList);
        Copy(_layout.RowOrdinals, _attention.RowOrdinals);
        Copy(_layout.RowPartials, _attention.RowPartials);
        Copy(_layout.AttentionItems, _attention.Items);
    }

    private void Copy<T>(BlockSection section, ReadOnlySpan<T> values)
        where T : unmanaged => values.CopyTo(Take<T>(section, values.Length));

    private Span<T> Take<T>(BlockSection section, int count)
        where T : unmanaged
    {
        Use(section, count);
        return _block.Span<T>(section.Offset, count);
    }

    private void Use(BlockSection section, int count)
    {
        var end = section.End(count);
        if (count > 0)
        {
            UsedBytes = Math.Max(UsedBytes, end);
        }
    }
}
