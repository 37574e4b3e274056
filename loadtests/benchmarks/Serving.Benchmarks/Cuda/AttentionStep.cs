using System.Diagnostics;
using System.Runtime.InteropServices;
using Serving.Compute.Backends;
using Serving.Compute.Cuda;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Benchmarks.Cuda;

/// <summary>One step of attention and nothing else: the last rows of some contexts, over as many layers as keep the step's own copies out of the figure.</summary>
internal sealed class AttentionStep
{
    /// <summary>Keys and values of all layers at most.</summary>
    private const long MaxBytes = 9L << 30;

    private readonly int _ordinal;
    private readonly ModelShape _shape;
    private readonly StepInputs _inputs = new();
    private readonly StepLimits _limits;
    private readonly int _pages;
    private readonly int _window;
    private readonly long _tokens;

    /// <summary>Lays out a step.</summary>
    /// <param name="ordinal">Number of the GPU.</param>
    /// <param name="model">The model's sizes.</param>
    /// <param name="contexts">Tokens of each sequence.</param>
    /// <param name="rows">Rows of each, the last of its tokens.</param>
    /// <param name="window">Tokens that a row sees; 0 for all.</param>
    public AttentionStep(int ordinal, ModelShape model, IReadOnlyList<int> contexts, int rows = 1, int window = 0)
    {
        (_ordinal, _window) = (ordinal, window);
        foreach (var context in contexts)
        {
            _pages += AddSequence(context, rows, _pages);
        }

        _tokens = contexts.Sum(context => (long)context);
        Tokens = contexts.Sum(context => window == 0 ? context : Math.Min(context, (long)window + rows - 1));
        _shape = model with { LayerCount = (int)Math.Clamp(MaxBytes / BytesPerLayer(model, _tokens), 1, model.LayerCount) };
        _limits = new StepLimits(contexts.Count * rows, contexts.Count, 1, contexts.Max());
    }

    /// <summary>Tokens of all contexts that rows see.</summary>
    public long Tokens { get; }

    /// <summary>Keys and values that a layer reads.</summary>
    public double Bytes => BytesPerLayer(_shape, Tokens);

    /// <summary>How the backend gives the step out, in words.</summary>
    public string Choice
    {
        get
        {
            var plan = Plan(null);
            var most = 0;
            foreach (ref readonly var item in plan.Items[..plan.Decode.Count])
            {
                most = Math.Max(most, item.Partial * item.SplitCount);
            }

            return most == 0 ? "whole" : $"in pieces of up to {most} of 512 tokens";
        }
    }

    /// <summary>Whether forcing pieces of so many splits changes what is given out.</summary>
    public bool Differs(int pieces) => !MemoryMarshal.AsBytes(Plan(pieces).Items).SequenceEqual(MemoryMarshal.AsBytes(Plan(null).Items));

    /// <summary>Seconds that a layer takes.</summary>
    /// <param name="repeats">Steps that are timed.</param>
    /// <param name="pieces">Splits of a piece at most; null as the backend finds best.</param>
    public double SecondsPerLayer(int repeats, int? pieces = null)
    {
        using var backend = new CudaBackend(Program(_shape), new CudaBackendOptions { Ordinal = _ordinal, AttentionPieces = pieces });
        backend.AllocatePool(new PoolShape(_pages, _shape.PageBytes, 1), _limits);
        var outputs = new StepOutputs(_limits, _shape.VocabularySize);
        backend.Execute(_inputs, outputs);
        backend.Begin(_inputs, outputs);
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < repeats; i++)
        {
            backend.Begin(_inputs, outputs);
            backend.End();
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        backend.End();
        return seconds / repeats / _shape.LayerCount;
    }

    private static long BytesPerLayer(ModelShape shape, long tokens) =>
        tokens * 2 * shape.KvHeadCount * (shape.KeyValues == KeyValueFormat.Int8 ? shape.HeadSize + sizeof(float) : shape.HeadSize * sizeof(ushort));

    private AttentionPlan Plan(int? pieces)
    {
        var states = new StepLayout(Program(_shape), _limits).StateCapacity;
        var plan = new AttentionPlan(_shape, _limits, states, 2 * CudaDevice.Get(_ordinal).Multiprocessors) { Window = _window, MostSplits = pieces };
        plan.Build(_inputs);
        return plan;
    }

    private int AddSequence(int context, int rows, int firstPage)
    {
        var pages = (context + ModelShape.PageTokens - 1) / ModelShape.PageTokens;
        var firstRow = _inputs.RowCount;
        _inputs.AddSequence(new StepSequence { FirstRow = firstRow, RowCount = rows, FirstOrdinal = context - rows, FirstEntry = _inputs.EntryCount, EntryCount = pages });
        _inputs.AddSegment(firstRow, rows, -1);
        for (var ordinal = context - rows; ordinal < context; ordinal++)
        {
            _inputs.AddRow(0, 0, firstPage + (ordinal / ModelShape.PageTokens), ordinal % ModelShape.PageTokens);
        }

        for (var page = 0; page < pages; page++)
        {
            _inputs.AddEntry(firstPage + page, Math.Min(ModelShape.PageTokens, context - (page * ModelShape.PageTokens)));
        }

        return pages;
    }

    private ModelProgram Program(ModelShape shape)
    {
        ProgramBuffer[] buffers =
        [
            new("queries", shape.QueryWidth, BufferElement.BFloat16, BufferRows.Step),
            new("attended", shape.QueryWidth, BufferElement.BFloat16, BufferRows.Step),
        ];
        var scale = (float)(1 / Math.Sqrt(shape.HeadSize));
        ProgramOp[] ops = [.. Enumerable.Range(0, shape.LayerCount).Select(layer => new PagedAttentionOp(0, 1, layer, scale, _window))];
        return new ModelProgram("attention", shape, RopeTable.Create(1, new double[shape.HeadSize / 2]), buffers, [], [], ops);
    }
}
