using System.Runtime.Intrinsics;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Managed.Lanes;
using Serving.Compute.Managed.Memory;
using Serving.Compute.Managed.Steps;
using Serving.Compute.Managed.Threads;
using Serving.Compute.Programs;
using Serving.Compute.Quantization;
using Serving.Compute.Steps;

namespace Serving.Compute.Managed;

/// <summary>
/// Interprets a program in managed code, wherever .NET runs: the oracle of every test, and what serves where no native library can be built.
/// It follows the arithmetic table of the design; see <see cref="ManagedBackendOptions.Exact"/> for fp32 throughout.
/// </summary>
public sealed class ManagedBackend : IComputeBackend
{
    private readonly ModelProgram _program;
    private readonly ManagedBackendOptions _options;
    private readonly PackedWeight[] _weights;
    private readonly WorkerPool _pool;
    private readonly int _vectorBits;
    private PageArena? _pages;
    private AdapterTable? _adapters;
    private StepProgram? _steps;
    private long _pageBytes;

    /// <summary>Takes the memory for the program's weights and starts the threads.</summary>
    public ManagedBackend(ModelProgram program, ManagedBackendOptions options)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Threads, ManagedBackendOptions.MaxThreads);
        _program = program;
        _options = options;
        _vectorBits = ChooseWidth(options.VectorBits);
        _pool = new WorkerPool(options.Threads > 0 ? options.Threads : WorkerPool.DefaultWorkers(Environment.ProcessorCount));
        var quantizer = new RowQuantizer(_pool.WorkerCount);
        _weights = [.. program.Weights.Select(weight => new PackedWeight(weight, quantizer))];
    }

    /// <inheritdoc/>
    public string Name => "managed";

    /// <inheritdoc/>
    public string InstructionSet => $"vector{_vectorBits}";

    /// <inheritdoc/>
    public int ThreadCount => _pool.WorkerCount;

    /// <inheritdoc/>
    public bool AdaptsMagnitudes => true;

    /// <inheritdoc/>
    public bool RunsRecurrence => true;

    /// <inheritdoc/>
    public long PageBytes => _program.Shape.PageBytes;

    /// <inheritdoc/>
    public long PackedBytes(int weight) => PackedWeight.BytesOf(_program.Weights[weight]);

    /// <inheritdoc/>
    public void LoadWeight(int weight, int firstRow, ReadOnlySpan<ushort> values) => _weights[weight].Load(firstRow, values);

    /// <inheritdoc/>
    public void LoadFloats(int weight, int firstElement, ReadOnlySpan<float> values) => _weights[weight].Load(firstElement, values);

    /// <inheritdoc/>
    public void LoadIntegers(int weight, int firstRow, ReadOnlySpan<sbyte> values, ReadOnlySpan<ushort> scales)
    {
        var integers = _weights[weight].Integers ?? throw new ArgumentException($"weight {_program.Weights[weight].Name} is not one of integers", nameof(weight));
        integers.Load(firstRow, values, scales);
    }

    /// <inheritdoc/>
    public void AllocatePool(PoolShape pool, StepLimits limits)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(limits);
        if (_pages is not null)
        {
            throw new InvalidOperationException("The pool is allocated already.");
        }

        _pageBytes = pool.PageBytes;
        _pages = new PageArena(_program.Shape, pool, _options.Exact);
        _adapters = new AdapterTable(_program.Slices, _pages, pool.AdapterSlots);
        var state = new StepState(_program, _weights, _pages, _adapters, _pool, limits, _options.Exact);
        _steps = _vectorBits switch
        {
            512 => new StepProgram<Lanes512, Vector512<float>>(state),
            256 => new StepProgram<Lanes256, Vector256<float>>(state),
            _ => new StepProgram<Lanes128, Vector128<float>>(state),
        };
    }

    /// <inheritdoc/>
    public long PreparedBytesOf(AdapterWeights adapter) => MatrixAdapter.BytesOf(adapter);

    /// <inheritdoc/>
    public IPreparedAdapter PrepareAdapter(AdapterWeights adapter, CancellationToken cancellationToken = default) =>
        MatrixAdapter.Of(_program, adapter, _pageBytes, ReadRows, cancellationToken);

    /// <inheritdoc/>
    public void PackAdapter(int slot, IPreparedAdapter adapter, ReadOnlySpan<int> pages) => _adapters!.Pack(slot, MatrixAdapter.From(adapter), pages);

    /// <inheritdoc/>
    public void CopyToHost(ReadOnlySpan<int> pages, ReadOnlySpan<int> hostPages) => _pages!.CopyToHost(pages, hostPages);

    /// <inheritdoc/>
    public void CopyFromHost(ReadOnlySpan<int> hostPages, ReadOnlySpan<int> pages) => _pages!.CopyFromHost(hostPages, pages);

    /// <inheritdoc/>
    public void Execute(StepInputs inputs, StepOutputs outputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(outputs);
        _steps!.Run(inputs, outputs);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pool.Dispose();
        _steps?.Dispose();
        _pages?.Dispose();
        foreach (var weight in _weights)
        {
            weight.Dispose();
        }
    }

    /// <summary>Rows of a matrix as it is multiplied with.</summary>
    private unsafe void ReadRows(int weight, int firstRow, int rows, Span<float> values)
    {
        fixed (float* first = values)
        {
            for (var row = 0; row < rows; row++)
            {
                _weights[weight].ReadRow(firstRow + row, first + ((long)row * _weights[weight].Columns));
            }
        }
    }

    private static int ChooseWidth(int wanted) => wanted switch
    {
        0 => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128,
        128 or 256 or 512 => wanted,
        _ => throw new ArgumentOutOfRangeException(nameof(wanted), wanted, "Vectors are 128, 256 or 512 bits wide."),
    };
}
