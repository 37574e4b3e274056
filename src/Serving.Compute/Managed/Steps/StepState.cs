using Serving.Compute.Managed.Memory;
using Serving.Compute.Managed.Threads;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Managed.Steps;

/// <summary>What the operations of a step read: the backend's memory, the step's inputs, and tables made from them once per step.</summary>
internal sealed class StepState : IDisposable
{
    /// <summary>Rows of one adapter that one item of a shrink takes.</summary>
    public const int ShrinkRows = 16;

    private readonly int[] _rowSlots;
    private readonly int[] _tokens;
    private readonly int[] _sampled;
    private readonly RowRange[] _adapterRows;

    /// <summary>Takes every step buffer.</summary>
    public StepState(ModelProgram program, PackedWeight[] weights, PageArena pages, AdapterTable adapters, WorkerPool pool, StepLimits limits, bool exact)
    {
        Program = program;
        Weights = weights;
        Pages = pages;
        Adapters = adapters;
        Pool = pool;
        Limits = limits;
        Exact = exact;
        Buffers = [.. program.Buffers.Select(buffer => new ActivationBuffer(buffer, program.RowsOf(buffer.Rows, limits.MaxRows, limits.MaxOutputs)))];
        Choices = new ExpertChoices(program.Mixture ?? new MixtureShape(1, 0), limits.MaxRows);
        _rowSlots = new int[limits.MaxRows];
        _tokens = new int[limits.MaxRows];
        _sampled = new int[limits.MaxOutputs];
        _adapterRows = new RowRange[limits.MaxRows];
    }

    /// <summary>The model.</summary>
    public ModelProgram Program { get; }

    /// <summary>Weights by index.</summary>
    public PackedWeight[] Weights { get; }

    /// <summary>Activation buffers by index.</summary>
    public ActivationBuffer[] Buffers { get; }

    /// <summary>The pool's pages.</summary>
    public PageArena Pages { get; }

    /// <summary>Adapters by slot.</summary>
    public AdapterTable Adapters { get; }

    /// <summary>The threads.</summary>
    public WorkerPool Pool { get; }

    /// <summary>The largest step.</summary>
    public StepLimits Limits { get; }

    /// <summary>fp32 throughout.</summary>
    public bool Exact { get; }

    /// <summary>Which experts the rows of the step chose last.</summary>
    public ExpertChoices Choices { get; }

    /// <summary>The step being run.</summary>
    public StepInputs Inputs { get; private set; } = new();

    /// <summary>Where its outputs go.</summary>
    public StepOutputs? Outputs { get; private set; }

    /// <summary>Token ids by row, those of the previous step filled in.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Inputs.RowCount);

    /// <summary>The token of a row, where it is one of the previous step's that the inputs do not name; −1 where they do.</summary>
    public int PendingTokenOf(int row) => Inputs.TokenIds[row] < 0 ? _tokens[row] : -1;

    /// <summary>Adapter slot by row, −1 for the base model.</summary>
    public ReadOnlySpan<int> RowSlots => _rowSlots.AsSpan(0, Inputs.RowCount);

    /// <summary>Runs of at most <see cref="ShrinkRows"/> rows that share an adapter; rows of the base model are in none.</summary>
    public ReadOnlySpan<RowRange> AdapterRows => _adapterRows.AsSpan(0, AdapterRowsCount);

    /// <summary>Number of such runs.</summary>
    public int AdapterRowsCount { get; private set; }

    /// <summary>Rows that a buffer uses in this step.</summary>
    public int RowsOf(int buffer) => Program.RowsOf(Program.Buffers[buffer].Rows, Inputs.RowCount, Inputs.OutputCount);

    /// <summary>The version of a recurrent state that begins at an entry of the step's list.</summary>
    public StateVersion StateAt(int first) => new(Pages, Inputs.StatePages[first..]);

    /// <summary>Makes the tables of a step.</summary>
    public void Begin(StepInputs inputs, StepOutputs outputs)
    {
        Inputs = inputs;
        Outputs = outputs;
        var tokens = inputs.TokenIds;
        for (var row = 0; row < tokens.Length; row++)
        {
            _tokens[row] = tokens[row] < 0 ? _sampled[~tokens[row]] : tokens[row];
        }

        _rowSlots.AsSpan(0, tokens.Length).Fill(-1);
        AdapterRowsCount = 0;
        foreach (var segment in inputs.Segments)
        {
            _rowSlots.AsSpan(segment.FirstRow, segment.RowCount).Fill(segment.AdapterSlot);
            for (var row = 0; segment.AdapterSlot >= 0 && row < segment.RowCount; row += ShrinkRows)
            {
                _adapterRows[AdapterRowsCount++] = new RowRange(segment.FirstRow + row, Math.Min(ShrinkRows, segment.RowCount - row), segment.AdapterSlot);
            }
        }
    }

    /// <summary>Runs of rows of a buffer that share an adapter and, where the buffer has a row per choice, an expert.</summary>
    public ReadOnlySpan<RowRange> AdapterRowsOf(int buffer) => Program.Buffers[buffer].Rows == BufferRows.Choice ? Choices.AdapterRows : AdapterRows;

    /// <summary>Keeps the sampled tokens for the next step's pending rows.</summary>
    public void End() => Outputs!.TokenIds.AsSpan(0, Inputs.OutputCount).CopyTo(_sampled);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in Buffers)
        {
            buffer.Dispose();
        }
    }
}
