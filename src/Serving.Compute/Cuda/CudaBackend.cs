using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Launches;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Cuda.Steps;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda;

/// <summary>Runs a program on an NVIDIA GPU: kernels from PTX through the driver API, products with the base weights by cuBLASLt.</summary>
public sealed class CudaBackend : IAsynchronousBackend
{
    /// <summary>Elements of the largest head that the kernels take (SRV_MAX_HEAD_SIZE).</summary>
    public const int MaxHeadSize = 256;

    private readonly ModelProgram _program;
    private readonly IReadOnlySet<int> _ofMixtures;
    private readonly CudaBackendOptions _options;
    private readonly Stack<IDisposable> _owned = new();
    private readonly CudaContext _context;
    private readonly CudaStream _stream;
    private readonly KernelSet _kernels;
    private readonly CublasLt _blas;
    private readonly DeviceWeights _weights;
    private volatile NcclCommunicator? _communicator;
    private volatile bool _aborted;
    private PoolShape? _pool;
    private CudaDeviceBuffer? _pages;
    private CellPlans _plans;
    private AdapterTable? _adapters;
    private WeightReader? _reader;
    private PinnedTier? _host;
    private StepRunner? _runner;
    private bool _disposed;

    /// <summary>Opens the device and compiles the kernels for it.</summary>
    /// <exception cref="PlatformNotSupportedException">There is no such device here, or the driver, cuBLASLt or the kernels are missing.</exception>
    /// <exception cref="ComputeException">The device refused.</exception>
    public CudaBackend(ModelProgram program, CudaBackendOptions options)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(options);
        if (!CudaDevices.TryGet(options.Ordinal, out var device, out var reason) || !Supports(program, out reason))
        {
            throw new PlatformNotSupportedException(reason);
        }

        // The kernels of a mixture know no deltas: whoever reads adapters refuses those of experts.
        _program = MixtureAdapters.Without(program);
        _ofMixtures = MixtureAdapters.SlicesOf(program);
        _options = options;
        _plans = new CellPlans(program.Slices, program.Shape.PageBytes);
        try
        {
            _context = CudaContext.Create(device);
            _stream = Own(CudaStream.Create(_context));
            _kernels = FindKernels(Own(CudaModule.Load(_context, options.Image())));
            _blas = Own(CublasLt.Create(_context));
            _weights = Own(new DeviceWeights(program, _context, _stream));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name => "cuda";

    /// <summary>One line for people where the device's own kernels could not be used and others run in their place; empty otherwise.</summary>
    public string Note { get; private set; } = string.Empty;

    /// <summary>What multiplies with which weights in steps of few rows, where that was measured when the pool was taken.</summary>
    internal IReadOnlyCollection<ProductChoice> ProductChoices { get; private set; } = [];

    /// <summary>Whether attention of many rows runs by products of whole warpgroups.</summary>
    internal bool UsesWarpgroupProducts => _kernels.AttentionPrefill.Threads == KernelSet.WgmmaThreads;

    /// <inheritdoc/>
    public string InstructionSet => _context.Device.Architecture;

    /// <inheritdoc/>
    public int ThreadCount => 1;

    /// <inheritdoc/>
    public DeviceMemory DeviceMemory
    {
        get
        {
            var (free, total) = _context.Memory();
            return new DeviceMemory(total, free, _context.Device.Name);
        }
    }

    /// <summary>Whether this machine has an NVIDIA driver, so that its GPU is worth asking for; false where another library stands in for the driver.</summary>
    public static bool IsCandidate => !CudaDevices.IsSubstituted && CudaDevices.HasDriver;

    /// <summary>Whether a GPU of this number, its driver, cuBLASLt and the kernels are here; <paramref name="reason"/> is one line for people when not.</summary>
    public static bool IsAvailable(int ordinal, out string reason) => CudaDevices.TryGet(ordinal, out _, out reason);

    /// <summary>Whether the kernels can run a program; <paramref name="reason"/> is one line for people when not.</summary>
    public static bool Supports(ModelProgram program, out string reason)
    {
        ArgumentNullException.ThrowIfNull(program);
        var size = program.Shape.HeadSize;
        reason = size % 2 != 0 || size > MaxHeadSize ? $"the CUDA kernels need an even head size up to {MaxHeadSize}, this model's is {size}"
            : program.Mixture is { } mixture && (mixture.ExpertCount > MixtureParameters.MaxExperts || mixture.ChoiceCount > MixtureParameters.MaxChoices)
                ? $"the CUDA kernels take up to {MixtureParameters.MaxExperts} experts and {MixtureParameters.MaxChoices} choices, this model has {mixture.ExpertCount} and {mixture.ChoiceCount}"
            : program.Ops.OfType<RmsNormOp>().Any(norm => norm.FirstColumn is { } first && first % 4 != 0) ? "the CUDA kernels norm columns from a multiple of four on"
            : size % 4 != 0 && program.Ops.OfType<LayerNormOp>().Any(norm => norm.FirstColumn is not null) ? $"the CUDA kernels norm heads of a multiple of four by themselves, this model's have {size}"
            : program.Weights.FirstOrDefault(weight => weight is { Kind: WeightKind.Embedding, Format: not (WeightFormat.BFloat16 or WeightFormat.Int8) }) is { } table ? $"the CUDA kernels take no table of four bits, as {table.Name} is"
            : program.Ops.OfType<DeltaRuleOp>().FirstOrDefault(rule => rule.Heads.KeySize > DeltaRuleParameters.MaxKeySize || rule.Heads.ValueSize > DeltaRuleParameters.MaxValueSize) is { Heads: var heads }
                ? $"the CUDA kernels remember by keys of up to {DeltaRuleParameters.MaxKeySize} elements and values of up to {DeltaRuleParameters.MaxValueSize}, this model's have {heads.KeySize} and {heads.ValueSize}"
            : string.Empty;
        return reason.Length == 0;
    }

    /// <inheritdoc/>
    public bool AdaptsExperts => false;

    /// <summary>Not those of one rank's part of a model: the length of a row of W is all ranks'.</summary>
    public bool AdaptsMagnitudes => _communicator is null;

    /// <inheritdoc/>
    public bool RunsRecurrence => true;

    /// <inheritdoc/>
    public long PageBytes => _program.Shape.PageBytes;

    /// <inheritdoc/>
    public long PackedBytes(int weight) => DeviceWeights.BytesOf(_program.Weights[weight]);

    /// <inheritdoc/>
    public long? StepBytes(StepLimits limits, int adapterSlots)
    {
        ArgumentNullException.ThrowIfNull(limits);
        var exchanged = _communicator is { } communicator ? RankMemory.BytesOf(_program, limits, communicator.Ranks, _options.Deterministic) : 0;
        return new StepSizes(_program, new StepLayout(_program, limits), _options.DecodedBytes).Total + AdapterTable.BytesOf(_program, adapterSlots, _program.Shape.PageBytes) + exchanged;
    }

    /// <inheritdoc/>
    public void LoadWeight(int weight, int firstRow, ReadOnlySpan<ushort> values)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _context.MakeCurrent();
        _weights.Load(weight, firstRow, values);
    }

    /// <inheritdoc/>
    public void LoadFloats(int weight, int firstElement, ReadOnlySpan<float> values)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _context.MakeCurrent();
        _weights.LoadFloats(weight, firstElement, values);
    }

    /// <inheritdoc/>
    public void LoadIntegers(int weight, int firstRow, ReadOnlySpan<sbyte> values, ReadOnlySpan<ushort> scales)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _context.MakeCurrent();
        _weights.LoadIntegers(weight, firstRow, values, scales);
    }

    /// <inheritdoc/>
    public void AllocatePool(PoolShape pool, StepLimits limits)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(limits);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_runner is not null || pool.PageBytes < _program.Shape.PageBytes || pool.PageBytes % ModelShape.PageGranule != 0)
        {
            throw new ComputeException($"The pool cannot be taken twice, nor with pages of {pool.PageBytes} bytes for a model of {_program.Shape.PageBytes}.");
        }

        _context.MakeCurrent();
        _weights.Settle();
        var arena = Own(new DeviceArena(_context, _stream));
        var pages = _pages = arena.Take(checked(pool.PageBytes * pool.PageCount));
        _plans = new CellPlans(_program.Slices, pool.PageBytes);
        _adapters = Own(new AdapterTable(_program, pool, pages));
        _reader = Own(new WeightReader(_program, _weights, _context));
        _host = Own(new PinnedTier(pool, pages, _adapters));
        var layout = new StepLayout(_program, limits);
        var memory = Own(new StepMemory(_program, layout, _options.DecodedBytes, _context, _stream));
        var plans = Own(new MatmulPlans(_blas, Math.Max(limits.MaxRows, limits.MaxOutputs), _options.Deterministic));
        var branch = _options.OneStream ? null : Own(new AdapterBranch(_context));
        var context = new LaunchContext(_program, pool, _weights, pages, _adapters, layout, memory, _options.PlainKernels, branch, Fuses: !_options.PlainKernels && !_options.Unfused, CutsAlways: _options.Deterministic, JoinedBy(limits))
        {
            AttentionPieces = _options.AttentionPieces,
            DecodedBytes = _options.DecodedBytes,
        };
        using var choices = new ProductChoices(context, _kernels, WaysOfFewRows(), _stream, ReadsIntegers);
        _runner = Own(new StepRunner(context, LaunchCompiler.Compile(context, _kernels, plans, choices), _stream, records: !_options.Eager));
        ProductChoices = choices.Measured;
        _pool = pool;
        _stream.Synchronize();
    }

    /// <inheritdoc/>
    public long PreparedBytesOf(AdapterWeights adapter) => PlanOf(adapter).Layout.PageCount * (_pool?.PageBytes ?? PageBytes);

    /// <inheritdoc/>
    public IPreparedAdapter? PrepareAdapter(AdapterWeights adapter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        cancellationToken.ThrowIfCancellationRequested();
        return adapter.Slices.Any(slice => _ofMixtures.Contains(slice.Slice))
            ? throw new ArgumentException("Adapters of experts run on CPUs only.", nameof(adapter))
            : (_adapters ?? throw NoPool()).Prepare(() => ScaledAdapter.Of(_program, adapter, _reader!.Read, cancellationToken), PlanOf(adapter));
    }

    /// <inheritdoc/>
    public void PackAdapter(int slot, IPreparedAdapter adapter, ReadOnlySpan<int> pages) => (_adapters ?? throw NoPool()).Pack(slot, adapter, pages);

    /// <inheritdoc/>
    public void CopyToHost(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages) => (_host ?? throw NoPool()).CopyToHost(pages, hostPages);

    /// <inheritdoc/>
    public void CopyFromHost(ReadOnlySpan<int> hostPages, ReadOnlySpan<int> pages) => (_host ?? throw NoPool()).CopyFromHost(hostPages, pages);

    /// <inheritdoc/>
    public void Begin(StepInputs inputs, StepOutputs outputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(outputs);
        ObjectDisposedException.ThrowIf(_disposed, this);
        (_runner ?? throw NoPool()).Begin(inputs, outputs);
    }

    /// <inheritdoc/>
    public void Sample(StepInputs inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ObjectDisposedException.ThrowIf(_disposed, this);
        (_runner ?? throw NoPool()).Sample(inputs);
    }

    /// <inheritdoc/>
    public void End()
    {
        _context.MakeCurrent();
        (_runner ?? throw NoPool()).End();
        _communicator?.ThrowIfFailed();
    }

    /// <inheritdoc/>
    public void Execute(StepInputs inputs, StepOutputs outputs)
    {
        Begin(inputs, outputs);
        End();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        while (_owned.TryPop(out var owned))
        {
            owned.Dispose();
        }

        // There is none where it could not be opened.
        _context?.CloseHandles();
        _context?.Dispose();
    }

    /// <summary>Waits until every packed adapter has arrived: benchmarks time that.</summary>
    internal void AwaitAdapters()
    {
        _context.MakeCurrent();
        (_adapters ?? throw NoPool()).Settle();
    }

    /// <summary>Copies the arena from its first byte on: tests compare its bits.</summary>
    internal void CopyArena(Span<byte> bytes)
    {
        _context.MakeCurrent();
        (_pages ?? throw NoPool()).CopyTo(0, bytes, _stream);
    }

    /// <summary>Makes this the backend of one rank of several, before the pool is taken; returns when all ranks are there.</summary>
    internal void Join(NcclUniqueId id, int rank, int ranks)
    {
        var communicator = _communicator = Own(NcclCommunicator.Create(_context, id, rank, ranks));

        // Another rank may have failed before anybody could see this communicator.
        Interlocked.MemoryBarrier();
        if (_aborted)
        {
            communicator.Abort();
        }

        communicator.Check(_stream);
    }

    /// <summary>Frees what waits for other ranks, because one of them failed. From any thread.</summary>
    internal void Abort()
    {
        _aborted = true;
        Interlocked.MemoryBarrier();
        _communicator?.Abort();
    }

    private static ComputeException NoPool() => new("The pool was not taken yet.");

    /// <summary>With the device's own kernels where it has some, they are wanted and its driver takes them.</summary>
    private KernelSet FindKernels(CudaModule module)
    {
        var wanted = _options is { Deterministic: false, PlainKernels: false } && _context.Device is { Major: 9, Minor: 0 };
        if (!wanted || _options.HopperImage() is not { } image)
        {
            return new KernelSet(module, _context.Device.SharedBytes, keyValues: _program.Shape.KeyValues);
        }

        try
        {
            return new KernelSet(module, _context.Device.SharedBytes, Own(CudaModule.Load(_context, image)), _options.WarpgroupProducts, _options.EarlyLaunches, _program.Shape.KeyValues);
        }
        catch (CudaException exception) when (!exception.IsFatal)
        {
            Note = $"steps run without the kernels for {_context.Device.Architecture}a: {exception.Message}";
            return new KernelSet(module, _context.Device.SharedBytes, keyValues: _program.Shape.KeyValues);
        }
    }

    /// <summary>Whether steps of few rows read matrices of integers as they are.</summary>
    private bool ReadsIntegers => _options is { Deterministic: false, PlainKernels: false, FewRowProducts: not FewRowProducts.Library };

    private FewRowProducts WaysOfFewRows() => _options switch
    {
        { Deterministic: true } or { PlainKernels: true } => FewRowProducts.Library,
        { FewRowProducts: FewRowProducts.Auto } => CudaDevices.IsSubstituted ? FewRowProducts.Library : FewRowProducts.Measured,
        _ => _options.FewRowProducts,
    };

    private RankContext? JoinedBy(StepLimits limits) => _communicator is not { } communicator ? null
        : new RankContext(communicator, Own(new RankMemory(_program, limits, communicator.Ranks, _options.Deterministic, _context, _stream)), _options.Deterministic);

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Push(owned);
        return owned;
    }

    private CellPlan PlanOf(AdapterWeights adapter)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        return _plans.Of(adapter);
    }
}
