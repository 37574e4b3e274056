using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cpu.Interop;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Compute.Steps;

namespace Serving.Compute.Cpu;

/// <summary>
/// Runs a program with libserving_cpu: AVX2, AVX-512 or AMX kernels on threads of its own, the calling thread being one of them. The whole op list
/// of a step is one native call.
/// </summary>
public sealed unsafe class CpuBackend : IComputeBackend
{
    /// <summary>Elements of the largest head that the kernels' buffers hold.</summary>
    public const int MaxHeadSize = 512;

    /// <summary>SRV_MAX_TAPS.</summary>
    private const int MaxTaps = 16;

    /// <summary>Rows of a matrix of integers that a thread packs at a time.</summary>
    private const int RowsPerPiece = 64;

    private readonly ModelProgram _program;
    private readonly NativeEngineHandle _handle;
    private readonly RowQuantizer _quantizer;
    private PoolShape? _pool;

    /// <summary>Creates the backend and starts its threads.</summary>
    /// <exception cref="PlatformNotSupportedException">The library is not here, or the instruction set does not run on this machine.</exception>
    /// <exception cref="ComputeException">The library refused the program or the operating system refused memory or threads.</exception>
    public CpuBackend(ModelProgram program, CpuBackendOptions options)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(options);
        if (!IsAvailable(out var reason))
        {
            throw new PlatformNotSupportedException(reason);
        }

        var number = InstructionSets.Choose(options.InstructionSet, SupportedInstructionSets);
        if (number < 0)
        {
            throw new PlatformNotSupportedException($"instruction set '{options.InstructionSet}' does not run here; this machine has {string.Join(", ", SupportedInstructionSets)}");
        }

        var integers = Array.IndexOf(InstructionSets.IntegerNames, options.IntegerInstructionSet);
        if (integers < 0 || (integers > 0 && !IntegerInstructionSets.Contains(options.IntegerInstructionSet)))
        {
            throw new PlatformNotSupportedException($"'{options.IntegerInstructionSet}' does not multiply integers here; this machine has {string.Join(", ", IntegerInstructionSets)}");
        }

        _program = program;
        InstructionSet = InstructionSets.Names[number];
        _handle = NativeEngineHandle.Create(program, number, integers, options.Threads);
        ThreadCount = NativeMethods.ThreadCount(_handle.Engine);
        _quantizer = new RowQuantizer(ThreadCount);
    }

    /// <summary>The instruction sets that run here, "amx-emulated" (for tests) included; empty where the library is missing.</summary>
    public static IReadOnlyList<string> SupportedInstructionSets { get; } = Cpu.InstructionSets.Supported();

    /// <summary>What multiplies integers here: "avx2", "avx-vnni", "avx512-vnni"; empty where the library is missing.</summary>
    public static IReadOnlyList<string> IntegerInstructionSets { get; } = Cpu.InstructionSets.SupportedForIntegers();

    /// <inheritdoc/>
    public string Name => "cpu";

    /// <inheritdoc/>
    public string InstructionSet { get; }

    /// <inheritdoc/>
    public int ThreadCount { get; }

    /// <summary>Whether the library is here and this CPU has at least AVX2; <paramref name="reason"/> is one line for people when not.</summary>
    public static bool IsAvailable(out string reason)
    {
        if (!NativeLibraryLoader.TryLoad(out reason))
        {
            return false;
        }

        reason = SupportedInstructionSets.Count == 0 ? "this CPU lacks AVX2 or FMA" : string.Empty;
        return SupportedInstructionSets.Count > 0;
    }

    /// <summary>Whether the kernels can run a program; <paramref name="reason"/> is one line for people when not.</summary>
    public static bool Supports(ModelProgram program, out string reason)
    {
        ArgumentNullException.ThrowIfNull(program);
        var size = program.Shape.HeadSize;
        reason = size % 2 != 0 || size > MaxHeadSize ? $"the native CPU kernels need an even head size up to {MaxHeadSize}, this model's is {size}"
            : program.Ops.OfType<ConvolutionOp>().FirstOrDefault(op => op.Taps is < 1 or > MaxTaps) is { } convolution
                ? $"the native CPU kernels need convolutions of up to {MaxTaps} taps, this model's have {convolution.Taps}"
            : program.Ops.OfType<DeltaRuleOp>().FirstOrDefault(op => !IsSupported(op.Heads)) is { Heads: var heads }
                ? $"the native CPU kernels need keys of a multiple of 8 elements and values of a multiple of 16, up to {MaxHeadSize}; this model has {heads.KeySize} and {heads.ValueSize}"
            : string.Empty;
        return reason.Length == 0;
    }

    private static bool IsSupported(DeltaRuleHeads heads) => heads.KeySize % 8 == 0 && heads.ValueSize % 16 == 0 && Math.Max(heads.KeySize, heads.ValueSize) <= MaxHeadSize;

    /// <inheritdoc/>
    public bool AdaptsMagnitudes => true;

    /// <inheritdoc/>
    public bool RunsRecurrence => true;

    /// <inheritdoc/>
    public long PageBytes => _program.Shape.PageBytes;

    /// <inheritdoc/>
    public long PackedBytes(int weight) => NativeMethods.PackedBytes(_handle.Engine, weight);

    /// <inheritdoc/>
    public void LoadWeight(int weight, int firstRow, ReadOnlySpan<ushort> values)
    {
        if (_program.Weights[weight] is { Kind: not WeightKind.Vector, Format: not WeightFormat.BFloat16 } matrix)
        {
            LoadIntegers(matrix, firstRow, values);
            return;
        }

        fixed (ushort* first = values)
        {
            NativeMethods.LoadWeight(_handle.Engine, weight, firstRow, first, values.Length).ThrowIfFailed($"load weight {_program.Weights[weight].Name}");
        }
    }

    /// <inheritdoc/>
    public void LoadFloats(int weight, int firstElement, ReadOnlySpan<float> values)
    {
        fixed (float* first = values)
        {
            NativeMethods.LoadFloats(_handle.Engine, weight, firstElement, first, values.Length).ThrowIfFailed($"load weight {_program.Weights[weight].Name}");
        }
    }

    /// <inheritdoc/>
    public void LoadIntegers(int weight, int firstRow, ReadOnlySpan<sbyte> values, ReadOnlySpan<ushort> scales)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        var spec = _program.Weights[weight];
        var rows = values.Length / BlockQuantizer.PaddedColumns(spec.Columns);
        var (width, rowScales) = (BlockQuantizer.PaddedColumns(spec.Columns), BlockQuantizer.ScaleCount(spec.Format, spec.Columns));
        ArgumentOutOfRangeException.ThrowIfNotEqual(scales.Length, rows * rowScales, nameof(scales));
        var results = new NativeStatus[(rows + RowsPerPiece - 1) / RowsPerPiece];
        fixed (sbyte* first = values)
        fixed (ushort* firstScale = scales)
        {
            var (source, sourceScales) = ((nint)first, (nint)firstScale);
            Parallel.For(0, results.Length, new ParallelOptions { MaxDegreeOfParallelism = ThreadCount }, piece =>
            {
                var row = piece * RowsPerPiece;
                results[piece] = NativeMethods.LoadIntegers(
                    _handle.Engine, weight, firstRow + row, Math.Min(RowsPerPiece, rows - row), (sbyte*)source + ((long)row * width), (ushort*)sourceScales + ((long)row * rowScales));
            });
        }

        Array.ForEach(results, result => result.ThrowIfFailed($"load weight {spec.Name}"));
    }

    /// <inheritdoc/>
    public void AllocatePool(PoolShape pool, StepLimits limits)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(limits);
        var native = new NativePool
        {
            StructSize = (uint)sizeof(NativePool),
            PageCount = pool.PageCount,
            PageBytes = pool.PageBytes,
            AdapterSlots = pool.AdapterSlots,
            MaxRows = limits.MaxRows,
            MaxSequences = limits.MaxSequences,
            MaxOutputs = limits.MaxOutputs,
            MaxContext = limits.MaxContext,
            HostPageCount = pool.HostPageCount,
        };
        NativeMethods.AllocatePool(_handle.Engine, &native).ThrowIfFailed("take the page pool");
        _pool = pool;
    }

    /// <inheritdoc/>
    public long PreparedBytesOf(AdapterWeights adapter) => MatrixAdapter.BytesOf(adapter);

    /// <inheritdoc/>
    public IPreparedAdapter PrepareAdapter(AdapterWeights adapter, CancellationToken cancellationToken = default) =>
        MatrixAdapter.Of(_program, adapter, _pool?.PageBytes ?? PageBytes, ReadRows, cancellationToken);

    /// <inheritdoc/>
    public void PackAdapter(int slot, IPreparedAdapter adapter, ReadOnlySpan<int> pages) => AdapterPacker.Pack(_handle.Engine, slot, MatrixAdapter.From(adapter), pages);

    /// <summary>Rows of a matrix as it is multiplied with.</summary>
    private void ReadRows(int weight, int firstRow, int rows, Span<float> values)
    {
        fixed (float* first = values)
        {
            NativeMethods.ReadRows(_handle.Engine, weight, firstRow, rows, first).ThrowIfFailed($"read weight {_program.Weights[weight].Name}");
        }
    }

    /// <inheritdoc/>
    public void CopyToHost(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(hostPages.Length, pages.Length);
        fixed (int* from = pages, to = hostPages)
        {
            NativeMethods.CopyToHost(_handle.Engine, from, to, pages.Length).ThrowIfFailed("copy pages to host memory");
        }
    }

    /// <inheritdoc/>
    public void CopyFromHost(ReadOnlySpan<int> hostPages, ReadOnlySpan<int> pages)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(hostPages.Length, pages.Length);
        fixed (int* from = hostPages, to = pages)
        {
            NativeMethods.CopyFromHost(_handle.Engine, from, to, pages.Length).ThrowIfFailed("copy pages from host memory");
        }
    }

    /// <inheritdoc/>
    public void Execute(StepInputs inputs, StepOutputs outputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(outputs);
        var step = Counts(inputs);
        fixed (int* tokens = inputs.TokenIds, positions = inputs.Positions, appendPages = inputs.AppendPages, appendSlots = inputs.AppendSlots)
        fixed (StepSequence* sequences = inputs.Sequences)
        fixed (StepPage* entries = inputs.Entries)
        fixed (StepSegment* segments = inputs.Segments)
        fixed (StepPageCopy* copies = inputs.Copies)
        fixed (SampleRow* rows = inputs.Outputs)
        fixed (PenaltyToken* penalties = inputs.Penalties)
        fixed (TokenBias* biases = inputs.Biases)
        fixed (uint* masks = inputs.Masks)
        fixed (int* hidden = inputs.HiddenOutputs, statePages = inputs.StatePages)
        {
            step.TokenIds = tokens;
            step.Positions = positions;
            step.AppendPages = appendPages;
            step.AppendSlots = appendSlots;
            step.Sequences = sequences;
            step.Entries = entries;
            step.Segments = segments;
            step.Copies = copies;
            step.Outputs = rows;
            step.Penalties = penalties;
            step.Biases = biases;
            step.Masks = masks;
            step.Hidden = hidden;
            step.StatePages = statePages;
            Run(&step, outputs);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private void LoadIntegers(WeightSpec weight, int firstRow, ReadOnlySpan<ushort> rows)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        var (values, scales) = _quantizer.Quantize(weight, rows);
        LoadIntegers(weight.Index, firstRow, values.Span, scales.Span);
    }

    private static NativeStep Counts(StepInputs inputs) => new()
    {
        StructSize = (uint)sizeof(NativeStep),
        RowCount = inputs.RowCount,
        SequenceCount = inputs.SequenceCount,
        EntryCount = inputs.EntryCount,
        SegmentCount = inputs.SegmentCount,
        CopyCount = inputs.CopyCount,
        OutputCount = inputs.OutputCount,
        PenaltyCount = inputs.PenaltyCount,
        BiasCount = inputs.BiasCount,
        MaskWordCount = inputs.MaskWordCount,
        HiddenCount = inputs.HiddenOutputCount,
        StatePageCount = inputs.StatePageCount,
    };

    private void Run(NativeStep* step, StepOutputs outputs)
    {
        fixed (int* tokens = outputs.TokenIds, topIds = outputs.TopIds)
        fixed (float* logprobs = outputs.Logprobs, topLogprobs = outputs.TopLogprobs, logits = outputs.Logits, hidden = outputs.Hidden)
        {
            var native = new NativeOutputs
            {
                StructSize = (uint)sizeof(NativeOutputs),
                TokenIds = tokens,
                Logprobs = logprobs,
                TopIds = topIds,
                TopLogprobs = topLogprobs,
                Logits = logits,
                Hidden = hidden,
            };
            NativeMethods.Execute(_handle.Engine, step, &native).ThrowIfFailed("run a step");
        }
    }
}
