using System.Runtime.InteropServices;
using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Launches;

/// <summary>Turns a program into what is queued for every step, in order.</summary>
internal sealed class LaunchCompiler
{
    /// <summary>Columns that a block of the gate·mul kernel takes, and of those of MLPs without gates and of attention with one.</summary>
    private const int SiluColumns = 2048;

    /// <summary>Columns that a block of the kernel that bounds logits takes.</summary>
    private const int CapColumns = 1024;

    /// <summary>Heads that a block of the append kernel takes.</summary>
    private const int HeadsPerBlock = 4;

    /// <summary>Heads that a block of the merging kernel takes, a warp each.</summary>
    private const int HeadsPerMerge = 4;

    private readonly LaunchContext _context;
    private readonly KernelSet _kernels;
    private readonly LinearCompiler _linears;
    private readonly CollectiveCompiler _collectives;
    private readonly MixtureCompiler _mixtures;
    private readonly RecurrenceCompiler _recurrences;
    private readonly List<IStepWork> _works = [];
    private readonly List<IStepWork> _sampling = [];
    private IStepWork? _copies;

    private LaunchCompiler(LaunchContext context, KernelSet kernels, MatmulPlans plans, ProductChoices choices)
    {
        _context = context;
        _kernels = kernels;
        _collectives = new CollectiveCompiler(context, kernels, _works);
        _mixtures = new MixtureCompiler(context, kernels, _works);
        _recurrences = new RecurrenceCompiler(context, kernels, _works);
        _linears = new LinearCompiler(context, kernels, new ProductCompiler(context, kernels, plans, choices), _collectives, _works);
    }

    private ModelShape Shape => _context.Program.Shape;

    /// <summary>Compiles a program.</summary>
    public static CompiledProgram Compile(LaunchContext context, KernelSet kernels, MatmulPlans plans, ProductChoices choices)
    {
        var compiler = new LaunchCompiler(context, kernels, plans, choices);
        compiler.AddPageCopies();
        compiler.AddTokenSlots();
        var ops = context.Program.Ops;
        for (var i = 0; i < ops.Count; i++)
        {
            if (compiler._mixtures.Add(i) is > 0 and var taken)
            {
                i += taken - 1;
            }
            else if (ops[i] is LinearOp linear)
            {
                var next = context.Fuses ? Fusion.NextOf(context.Program, i) : null;
                compiler._linears.Add(linear, next);
                i += next is null ? 0 : 1;
            }
            else
            {
                compiler.Add(ops[i]);
            }
        }

        return new CompiledProgram(compiler._copies!, [.. compiler._works], [.. compiler._sampling]);
    }

    private void Add(ProgramOp op)
    {
        switch (op)
        {
            case EmbedOp embed:
                Add(embed);
                break;
            case RmsNormOp norm:
                Add(norm);
                break;
            case LayerNormOp norm:
                Add(norm);
                break;
            case ActivationOp activation:
                Add(activation);
                break;
            case RopeAndAppendOp rope:
                Add(rope);
                break;
            case PagedAttentionOp attention:
                Add(attention);
                break;
            case GateMulOp gate:
                Add(gate);
                break;
            case SigmoidMulOp gate:
                Add(gate);
                break;
            case ConvolutionOp convolution:
                _recurrences.Add(convolution);
                break;
            case DeltaRuleOp rule:
                _recurrences.Add(rule);
                break;
            case GatherOp gather:
                Add(gather);
                break;
            case LogitsOp logits:
                _linears.Add(logits);
                AddCap(logits);
                break;
            case SampleOp sample:
                Add(sample);
                break;
            case AllReduceOp reduce:
                _collectives.Add(reduce);
                break;
            case AllGatherOp gather:
                _collectives.Add(gather);
                break;
            default:
                throw new ComputeException($"The CUDA backend has no kernel for {op.GetType().Name}.");
        }
    }

    private void AddPageCopies()
    {
        _copies = new KernelLaunch<CopyPagesParameters>(_kernels.CopyPages, new GridRule(GridUnit.IfCopies, Shape.KvLayerCount), new CopyPagesParameters
        {
            Pages = _context.Pages.Address,
            PageBytes = (ulong)_context.Pool.PageBytes,
            Copies = In(_context.Layout.Copies),
            CopyCount = Count(nameof(StepHeader.CopyCount)),
            LayerCount = Shape.KvLayerCount,
            KvHeadCount = Shape.KvHeadCount,
            HeadSize = Shape.HeadSize,
        });
    }

    private void AddTokenSlots()
    {
        Add(_kernels.TokenSlots, new GridRule(GridUnit.Sequences), new TokenSlotsParameters
        {
            Sequences = In(_context.Layout.Sequences),
            Entries = In(_context.Layout.Entries),
            TokenSlots = _context.Memory.TokenSlots.Address,
            SequenceCount = Count(nameof(StepHeader.SequenceCount)),
        });
    }

    private void Add(EmbedOp op) => Add(_context.Program.Weights[op.Weight].Format == WeightFormat.Int8 ? _kernels.EmbedInt8 : _kernels.Embed, new GridRule(GridUnit.Rows), new EmbedParameters
    {
        Weight = _context.Weights.AddressOf(op.Weight),
        TokenIds = In(_context.Layout.TokenIds),
        Sampled = _context.Memory.SampledIds.Address,
        Pending = _context.Memory.PendingIds.Address,
        Output = Address(op.Output),
        RowCount = Count(nameof(StepHeader.RowCount)),
        Columns = Columns(op.Output),
        WeightStride = _context.Weights.StrideOf(op.Weight),
        OutputStride = Stride(op.Output),
        Scale = op.Scale,
    });

    private void Add(RmsNormOp op)
    {
        var parameters = _context.Parameters(op);
        Add(_kernels.RmsNorm.Norming(parameters.Columns), GridOf(op.Output, 1), parameters);
    }

    private void Add(LayerNormOp op)
    {
        var parameters = _context.Parameters(op);
        Add(_kernels.LayerNorm, GridOf(op.Output, parameters.Groups), parameters);
    }

    private void Add(ActivationOp op) => Add(_kernels.Activate, GridOf(op.Output, Blocks(Columns(op.Output), SiluColumns)), new ActivateParameters
    {
        Input = Address(op.Input),
        Output = Address(op.Output),
        Numbers = _context.Weights.AddressOf(op.Numbers),
        RowCount = CountOf(op.Output),
        Columns = Columns(op.Output),
        InputStride = Stride(op.Input),
        OutputStride = Stride(op.Output),
        Activation = (int)op.Activation,
    });

    private void Add(RopeAndAppendOp op) =>
        Add(_kernels.RopeAppend, new GridRule(GridUnit.Rows, Blocks(Shape.HeadCount + (2 * Shape.KvHeadCount), HeadsPerBlock)), _context.Parameters(op));

    private void Add(PagedAttentionOp op)
    {
        var lists = _context.Layout.Attention.First(lists => lists.Window == op.Window);
        var ranges = In(lists.Ranges);
        var parameters = new AttentionParameters
        {
            Query = Address(op.Input),
            Output = Address(op.Output),
            Pages = _context.Pages.Address,
            PageBytes = (ulong)_context.Pool.PageBytes,
            TokenSlots = _context.Memory.TokenSlots.Address,
            RowList = In(lists.RowList),
            RowOrdinals = In(_context.Layout.RowOrdinals),
            RowPartials = In(lists.RowPartials),
            Items = In(lists.Items),
            States = _context.Memory.States.Address,
            RowCount = Count(nameof(StepHeader.RowCount)),
            Sinks = _context.Weights.AddressOf(op.Sinks),
            Layer = op.Layer,
            HeadCount = Shape.HeadCount,
            KvHeadCount = Shape.KvHeadCount,
            HeadSize = Shape.HeadSize,
            QueryStride = Stride(op.Input),
            OutputStride = Stride(op.Output),
            Scale = op.Scale,
            Window = op.Window,
            Cap = op.ScoreCap,
        };

        // The kernels on tensor cores know heads of two sizes only; what they know of windows, bounded scores and sinks stands in kernels of its own.
        if (_context.PlainKernels || Shape.HeadSize is not (64 or 128))
        {
            parameters.ItemRange = ranges + OffsetIn(nameof(AttentionRanges.All));
            Add(_kernels.AttentionPlain, new GridRule(GridUnit.AttentionItems, Y: Shape.KvHeadCount, Most: _context.ResidentBlocks), parameters);
        }
        else
        {
            // As many blocks of few rows as are resident: recorded steps launch all of them, whatever there is to do, and one that finds nothing has still to ask.
            var isPlain = op is { Window: 0, ScoreCap: 0, Sinks: null };
            parameters.ItemRange = ranges + OffsetIn(nameof(AttentionRanges.Decode));
            Add(isPlain ? _kernels.AttentionDecode : _kernels.AttentionDecodeWindowed, new GridRule(GridUnit.DecodeItems, Shape.KvHeadCount, Most: _context.ResidentBlocks), parameters);
            parameters.ItemRange = ranges + OffsetIn(nameof(AttentionRanges.Prefill));
            Add(isPlain ? _kernels.AttentionPrefill : _kernels.AttentionPrefillWindowed, new GridRule(GridUnit.PrefillItems, Y: Shape.KvHeadCount, Most: _context.ResidentBlocks), parameters);
        }

        Add(_kernels.AttentionMerge, new GridRule(GridUnit.PartialRows, Y: Blocks(Shape.HeadCount, HeadsPerMerge)), parameters);

        static ulong OffsetIn(string range) => (ulong)Marshal.OffsetOf<AttentionRanges>(range);
    }

    private void Add(GateMulOp op) => Add(_kernels.SiluMul, GridOf(op.Output, Blocks(Columns(op.Output), SiluColumns)), new SiluMulParameters
    {
        Input = Address(op.Input),
        Output = Address(op.Output),
        Factor = op.Factor is { } factor ? Address(factor) : 0,
        RowCount = CountOf(op.Output),
        Columns = Columns(op.Output),
        InputStride = Stride(op.Input),
        OutputStride = Stride(op.Output),
        FactorStride = op.Factor is { } stepped ? Stride(stepped) : 0,
        Activation = (int)op.Activation,
        Limit = op.Limit,
    });

    private void Add(SigmoidMulOp op) => Add(_kernels.SigmoidMul, GridOf(op.Output, Blocks(Columns(op.Output), SiluColumns)), new SigmoidMulParameters
    {
        Input = Address(op.Input),
        Gate = Address(op.Gate),
        Output = Address(op.Output),
        RowCount = CountOf(op.Output),
        Columns = Columns(op.Output),
        InputStride = Stride(op.Input),
        GateStride = Stride(op.Gate),
        OutputStride = Stride(op.Output),
    });

    /// <summary>Shifts, multiplies and bounds the logits where the model does; of several ranks each its own part.</summary>
    private void AddCap(LogitsOp op)
    {
        if (op.Cap > 0 || op.Scale != 1 || op.Bias is not null)
        {
            Add(_kernels.Cap, new GridRule(GridUnit.Outputs, Blocks(Columns(op.Output), CapColumns)), new CapParameters
            {
                Values = Address(op.Output),
                RowCount = Count(nameof(StepHeader.OutputCount)),
                Bias = _context.Weights.AddressOf(op.Bias),
                Columns = op.Bias is { } bias ? _context.Program.Weights[bias].Columns : Columns(op.Output),
                Stride = Stride(op.Output),
                Cap = op.Cap,
                Scale = op.Scale,
            });
        }
    }

    private void Add(GatherOp op) => Add(_kernels.Gather, new GridRule(GridUnit.Outputs), new GatherParameters
    {
        Input = Address(op.Input),
        Output = Address(op.Output),
        SampleRows = In(_context.Layout.SampleRows),
        OutputCount = Count(nameof(StepHeader.OutputCount)),
        Columns = Columns(op.Input),
        InputStride = Stride(op.Input),
        OutputStride = Stride(op.Output),
    });

    // The last op of every program.
    private void Add(SampleOp op) => _sampling.Add(new KernelLaunch<SampleParameters>(Shape.VocabularySize <= KernelSet.SmallVocabulary ? _kernels.SampleSmall : _kernels.Sample, new GridRule(GridUnit.Outputs), new SampleParameters
    {
        Logits = Address(op.Input),
        Scratch = _context.Memory.SampleScratch.Address,
        SampleRows = In(_context.Layout.SampleRows),
        Penalties = In(_context.Layout.Penalties),
        Biases = In(_context.Layout.Biases),
        Masks = In(_context.Layout.Masks),
        Pending = _context.Memory.PendingIds.Address,
        TokenIds = _context.Memory.SampledIds.Address,
        Logprobs = _context.Memory.Logprobs.Address,
        TopIds = _context.Memory.TopIds.Address,
        TopLogprobs = _context.Memory.TopLogprobs.Address,
        OutputCount = Count(nameof(StepHeader.OutputCount)),
        Vocabulary = Shape.VocabularySize,
        LogitsStride = Stride(op.Input),
    }));

    private void Add<T>(StepKernel kernel, GridRule grid, T parameters)
        where T : unmanaged => _works.Add(new KernelLaunch<T>(kernel, grid, parameters));

    private static int Blocks(int columns, int perBlock) => (columns + perBlock - 1) / perBlock;

    /// <summary>So many blocks for each of a buffer's rows.</summary>
    private GridRule GridOf(int buffer, int blocks) => _context.Program.Buffers[buffer].Rows switch
    {
        BufferRows.Output => new GridRule(GridUnit.Outputs, blocks),
        var rows => new GridRule(GridUnit.Rows, _context.Program.RowsOf(rows, blocks, 0)),
    };

    private ulong CountOf(int buffer) => _context.CountOf(buffer);

    private ulong Count(string field) => _context.CountAddress(field);

    private ulong In(BlockSection section) => _context.AddressOf(section);

    private ulong Address(int buffer) => _context.AddressOf(buffer);

    private int Columns(int buffer) => _context.Program.Buffers[buffer].Columns;

    private int Stride(int buffer) => _context.StrideOf(buffer);
}
