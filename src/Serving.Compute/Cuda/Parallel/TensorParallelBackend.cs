using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Programs;
using Serving.Compute.Programs.Sharding;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Parallel;

/// <summary>
/// Runs one program on several GPUs of a machine: a rank's part of it on each (<see cref="ProgramSharding"/>), all in step, meeting through NCCL. Every rank has all pages,
/// each with its own heads of the same tokens and its share of the same adapters, and samples the same ids; rank 0's are given back.
/// </summary>
public sealed class TensorParallelBackend : IAsynchronousBackend
{
    private readonly ModelProgram _program;
    private readonly ProgramShard[] _shards;
    private readonly CudaBackend[] _ranks;
    private readonly RankThreads _threads;
    private readonly Action<int> _begin;
    private readonly Action<int> _sample;
    private readonly Action<int> _end;
    private StepOutputs[] _outputs = [];
    private StepInputs _inputs = new();
    private volatile ComputeException? _failure;
    private int _underWay;
    private bool _awaitsMasks;
    private bool _disposed;

    /// <summary>Opens the devices, compiles the kernels for them and joins them.</summary>
    /// <exception cref="PlatformNotSupportedException">The program cannot be shared out so, a device is not there, or the driver, cuBLASLt, NCCL or the kernels are missing.</exception>
    /// <exception cref="ComputeException">A device refused.</exception>
    public TensorParallelBackend(ModelProgram program, TensorParallelOptions options)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(options);
        var ranks = options.Ordinals.Count;
        if (!CudaBackend.Supports(program, out var reason) || !ProgramSharding.Supports(program, ranks, out reason) || !CudaLibraries.TryLoadNccl(out reason))
        {
            throw new PlatformNotSupportedException(reason);
        }

        _program = program;
        _shards = [.. Enumerable.Range(0, ranks).Select(rank => ProgramSharding.Create(program, rank, ranks))];
        _ranks = Open(_shards, options);
        _threads = new RankThreads(ranks, Abort);
        _begin = rank => _ranks[rank].Begin(_inputs, _outputs[rank]);
        _sample = rank => _ranks[rank].Sample(_inputs);
        _end = rank => _ranks[rank].End();
        try
        {
            if (ReasonAgainst(program, _ranks.Select(rank => rank.DeviceMemory.Name)) is { } mixed)
            {
                throw new PlatformNotSupportedException(mixed);
            }

            var id = NcclCommunicator.CreateId();
            Run(rank => _ranks[rank].Join(id, rank, ranks));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name => "cuda";

    /// <summary>What <see cref="CudaBackend.Note"/> says of the first rank that has something to say.</summary>
    public string Note => _ranks.Select(rank => rank.Note).FirstOrDefault(note => note.Length > 0) ?? string.Empty;

    /// <inheritdoc/>
    public string InstructionSet => string.Join(", ", _ranks.Select(rank => rank.InstructionSet).Distinct());

    /// <inheritdoc/>
    public int ThreadCount => _ranks.Length;

    /// <summary>Memory of the device that has the least; all of them hold as much.</summary>
    public DeviceMemory DeviceMemory
    {
        get
        {
            var devices = _ranks.Select(rank => rank.DeviceMemory).ToList();
            var name = string.Join(", ", devices.GroupBy(device => device.Name).Select(group => $"{group.Count()} x {group.Key}"));
            return new DeviceMemory(devices.Min(device => device.TotalBytes), devices.Min(device => device.FreeBytes), name, devices.Count);
        }
    }

    /// <inheritdoc/>
    public bool AdaptsExperts => _ranks.All(rank => rank.AdaptsExperts);

    /// <summary>Bytes of a rank's part of a page.</summary>
    public long PageBytes => _shards[0].Program.Shape.PageBytes;

    /// <summary>Bytes of the largest part of a weight.</summary>
    public long PackedBytes(int weight) => _ranks.Max(rank => rank.PackedBytes(weight));

    /// <summary>Bytes of the rank that takes the most.</summary>
    public long? StepBytes(StepLimits limits, int adapterSlots) => _ranks.Max(rank => rank.StepBytes(limits, adapterSlots));

    /// <inheritdoc/>
    public void LoadWeight(int weight, int firstRow, ReadOnlySpan<ushort> values)
    {
        var spec = _program.Weights[weight];
        var width = spec.Kind == WeightKind.Vector ? 1 : spec.Columns;
        for (var rank = 0; rank < _ranks.Length; rank++)
        {
            var shard = _shards[rank].Weights[weight];
            foreach (var run in shard.Runs)
            {
                var rows = shard.Cut(run, width, firstRow, values, out var target);
                if (rows.Length > 0)
                {
                    _ranks[rank].LoadWeight(weight, target, rows);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void AllocatePool(PoolShape pool, StepLimits limits)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(limits);
        _outputs = [.. _ranks.Select(_ => new StepOutputs(limits, _program.Shape.VocabularySize))];
        var part = pool with { AdapterHostBytes = pool.AdapterHostBytes / _ranks.Length };
        Run(rank => _ranks[rank].AllocatePool(part, limits));
    }

    /// <summary>Bytes on all ranks together. What is set aside for the rank whose share is the largest is set aside for all: a page is one page on every rank.</summary>
    public long PreparedBytesOf(AdapterWeights adapter) => _ranks.Max(rank => rank.PreparedBytesOf(adapter)) * _ranks.Length;

    /// <inheritdoc/>
    public IPreparedAdapter? PrepareAdapter(AdapterWeights adapter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        if (adapter.Slices.Any(slice => !slice.Magnitudes.IsEmpty))
        {
            throw new ArgumentException("Adapters of DoRA run on CPUs and on one GPU.", nameof(adapter));
        }

        var parts = new List<IPreparedAdapter>();
        try
        {
            for (var rank = 0; rank < _ranks.Length && parts.Count == rank; rank++)
            {
                if (_ranks[rank].PrepareAdapter(AdapterSharding.Cut(adapter, _shards[rank]), cancellationToken) is { } part)
                {
                    parts.Add(part);
                }
            }
        }
        finally
        {
            if (parts.Count < _ranks.Length)
            {
                parts.ForEach(part => part.Dispose());
            }
        }

        return parts.Count == _ranks.Length ? new SharedOutAdapter(parts) : null;
    }

    /// <summary>Queues every rank's copies, one rank after the other: that waits at most for the load two before, so that all ranks' links are at work.</summary>
    public void PackAdapter(int slot, IPreparedAdapter adapter, ReadOnlySpan<int> pages)
    {
        var parts = SharedOutAdapter.PartsOf(adapter, _ranks.Length);
        for (var rank = 0; rank < _ranks.Length; rank++)
        {
            _ranks[rank].PackAdapter(slot, parts[rank], pages);
        }
    }

    /// <inheritdoc/>
    public void CopyToHost(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages)
    {
        foreach (var rank in _ranks)
        {
            rank.CopyToHost(pages, hostPages);
        }
    }

    /// <inheritdoc/>
    public void CopyFromHost(ReadOnlySpan<int> hostPages, ReadOnlySpan<int> pages)
    {
        foreach (var rank in _ranks)
        {
            rank.CopyFromHost(hostPages, pages);
        }
    }

    /// <inheritdoc/>
    public void Begin(StepInputs inputs, StepOutputs outputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(outputs);
        if (_outputs.Length == 0 || _awaitsMasks || _underWay == IAsynchronousBackend.MaxStepsUnderWay)
        {
            // Said here, before any rank has gone ahead of the others.
            throw new ComputeException(
                _outputs.Length == 0 ? "The pool was not taken yet." : _awaitsMasks ? "The step before waits for its masks." : "Two steps are under way; one must end before the next begins.");
        }

        _inputs = inputs;
        _outputs[0] = outputs;
        Run(_begin);
        _underWay++;
        _awaitsMasks = inputs.HasLateMasks;
    }

    /// <inheritdoc/>
    public void Sample(StepInputs inputs)
    {
        if (!_awaitsMasks)
        {
            throw new ComputeException("No step waits for masks.");
        }

        _inputs = inputs;
        Run(_sample);
        _awaitsMasks = false;
    }

    /// <inheritdoc/>
    public void End()
    {
        if (_underWay == 0 || (_underWay == 1 && _awaitsMasks))
        {
            throw new ComputeException(_underWay == 0 ? "No step is under way." : "The step waits for its masks.");
        }

        Run(_end);
        _underWay--;
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
        if (!_disposed)
        {
            _disposed = true;

            // Where a device was lost within a step, its rank says so here, and the others, which would wait for it for ever, are freed.
            while (_underWay > 0 && _failure is null && _threads.Run(_end) is null)
            {
                _underWay--;
            }

            _threads.Run(rank => _ranks[rank].Dispose());
            _threads.Dispose();
        }
    }

    /// <summary>One line for people where devices cannot run a program together: what chooses experts is computed by every rank and must come out alike, which it need not on different ones.</summary>
    internal static string? ReasonAgainst(ModelProgram program, IEnumerable<string> devices)
    {
        var kinds = devices.Distinct().ToList();
        return program.Mixture is null || kinds.Count == 1 ? null : $"a model with experts needs GPUs of one kind, these are {string.Join(" and ", kinds)}";
    }

    /// <summary>What a rank sampled in the step that ended last.</summary>
    internal StepOutputs OutputsOf(int rank) => _outputs[rank];

    private static CudaBackend[] Open(ProgramShard[] shards, TensorParallelOptions options)
    {
        var opened = new List<CudaBackend>();
        try
        {
            for (var rank = 0; rank < shards.Length; rank++)
            {
                // What begins beside a collective of NCCL's is not known.
                var rankOptions = new CudaBackendOptions { Ordinal = options.Ordinals[rank], Deterministic = options.Deterministic, Eager = options.Eager, EarlyLaunches = false };
                opened.Add(new CudaBackend(shards[rank].Program, rankOptions));
            }
        }
        catch
        {
            opened.ForEach(backend => backend.Dispose());
            throw;
        }

        return [.. opened];
    }

    /// <summary>Does something on all ranks. When it fails on one the others are freed, and the backend cannot be used any more.</summary>
    private void Run(Action<int> command)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_failure is { } before)
        {
            throw new ComputeException(before.Message, before);
        }

        if (_threads.Run(command) is { } failures)
        {
            throw _failure = Describe(failures);
        }
    }

    /// <summary>All that went wrong, as the first cause may be any of it; ranks that were stopped for it have nothing to say.</summary>
    private ComputeException Describe(IReadOnlyList<Exception?> failures)
    {
        var known = failures.Select((failure, rank) => (failure, rank)).Where(pair => pair.failure is not null).ToList();
        var causes = known.Where(pair => pair.failure is CudaException).ToList();
        causes = causes.Count > 0 ? causes : known;
        return new ComputeException(string.Join("; ", causes.Select(pair => $"rank {pair.rank} of {_ranks.Length}: {pair.failure!.Message}")), causes[0].failure!);
    }

    private void Abort()
    {
        foreach (var rank in _ranks)
        {
            rank.Abort();
        }
    }
}
