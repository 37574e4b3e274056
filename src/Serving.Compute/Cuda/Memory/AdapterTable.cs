using System.Runtime.InteropServices;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Which adapter is bound to which slot, on the device and, for what the host decides by it, here. Adapters lie cut into cells in pinned memory (<see cref="AdapterArena"/>)
/// and are copied from there on a stream of their own (<see cref="AdapterCopies"/>).
/// </summary>
internal sealed class AdapterTable : IDisposable
{
    /// <summary>Loads whose bindings are on their way.</summary>
    private const int StagingLoads = 2;

    private readonly Lock _gate = new();
    private readonly IReadOnlyList<LoraSlice> _slices;
    private readonly PoolShape _pool;
    private readonly CudaDeviceBuffer _pages;
    private readonly AdapterCopies _copies;
    private readonly AdapterArena _arena;
    private readonly StagingRing _tables;
    private readonly byte[] _rankBlocks;
    private readonly bool[] _hasFactors;
    private readonly int _runsPerSlot;
    private long _bindings;

    /// <summary>A table of empty slots.</summary>
    public AdapterTable(ModelProgram program, PoolShape pool, CudaDeviceBuffer pages)
    {
        _slices = program.Slices;
        _pool = pool;
        _pages = pages;
        CellsPerPage = (int)(pool.PageBytes / AdapterLayout.CellBytes);
        _runsPerSlot = RunsPerSlot(_slices, CellsPerPage);
        var context = pages.Context;
        _copies = new AdapterCopies(context, pool.AdapterSlots, pool.PageCount);
        _arena = new AdapterArena(context, pool.AdapterHostBytes, pool.PageBytes, _copies);
        _tables = new StagingRing(context, StagingLoads, Math.Max(1, SlotBindingBytes + ((long)(_slices.Count + _runsPerSlot) * sizeof(int))));
        _rankBlocks = new byte[Math.Max(1, pool.AdapterSlots * _slices.Count)];
        Bindings = CudaDeviceBuffer.Allocate(context, BindingBytes(_slices.Count, pool.AdapterSlots));
        Runs = CudaDeviceBuffer.Allocate(context, RunBytes(_runsPerSlot, pool.AdapterSlots));
        FactorRuns = CudaDeviceBuffer.Allocate(context, FactorRunBytes(_slices.Count, pool.AdapterSlots));
        _hasFactors = new bool[Math.Max(1, pool.AdapterSlots)];
        Bindings.Clear(_copies.Stream);
        FactorRuns.Clear(_copies.Stream);
        _copies.Stream.Synchronize();
    }

    /// <summary>Cells that a page holds.</summary>
    public int CellsPerPage { get; }

    /// <summary>LoraBinding [slot, slice of the model].</summary>
    public CudaDeviceBuffer Bindings { get; }

    /// <summary>First cells of runs, counted over the whole arena.</summary>
    public CudaDeviceBuffer Runs { get; }

    /// <summary>Rank blocks by slot and slice of the model; 0 where an adapter leaves a slice alone. A slot's are settled when <see cref="Pack"/> has returned.</summary>
    public ReadOnlySpan<byte> RankBlocks => _rankBlocks;

    /// <summary>Bytes of device memory that a table takes.</summary>
    public static long BytesOf(ModelProgram program, int slots, long pageBytes) =>
        BindingBytes(program.Slices.Count, slots) + FactorRunBytes(program.Slices.Count, slots) + RunBytes(RunsPerSlot(program.Slices, (int)(pageBytes / AdapterLayout.CellBytes)), slots);

    private int SlotBindingBytes => _slices.Count * Marshal.SizeOf<LoraBinding>();

    /// <summary>One more than the first run of a slice's factors by slot and slice of the model; 0 where it has none.</summary>
    public CudaDeviceBuffer FactorRuns { get; }

    /// <summary>Cuts an adapter into cells, beside whatever else goes on; null where the host memory for it is taken.</summary>
    /// <param name="make">Gives the adapter, with factors in the place of magnitudes, once there is memory for it.</param>
    /// <param name="plan">How it is cut.</param>
    public CutAdapter? Prepare(Func<AdapterWeights> make, CellPlan plan) => _arena.Prepare(make, plan);

    /// <summary>Whether some row of a step has an adapter with factors.</summary>
    public bool HasFactors(StepInputs inputs)
    {
        foreach (var segment in inputs.Segments)
        {
            if (segment.AdapterSlot >= 0 && _hasFactors[segment.AdapterSlot])
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Queues the copies of an adapter's cells to its pages and binds it to the slot; who uses them afterwards waits on the device (<see cref="Await"/>).</summary>
    public void Pack(int slot, IPreparedAdapter prepared, ReadOnlySpan<int> pages)
    {
        var adapter = CutAdapter.From(prepared, _arena);
        Check(slot, adapter.PageCount, pages);
        lock (_gate)
        {
            _pages.Context.MakeCurrent();
            try
            {
                _arena.Copy(adapter, _pages, pages, _copies.Stream);
                Bind(slot, adapter, pages);
                adapter.CopiedBy(_copies.Mark(slot, pages));
            }
            catch
            {
                // No number stands for these copies, so nobody would wait for them before the pages, here or there, are written by others.
                _copies.Stream.TrySettle();
                throw;
            }
        }
    }

    /// <summary>Lets a step wait for adapters that it uses, and for pages that it writes to, as far as they are still on their way.</summary>
    public void Await(StepInputs inputs, CudaStream stream) => _copies.Await(inputs, stream);

    /// <summary>Lets a stream that writes to any pages wait for all adapters that are on their way.</summary>
    public void AwaitAll(CudaStream stream) => _copies.AwaitAll(stream);

    /// <summary>Waits until every adapter has arrived.</summary>
    public void Settle() => _copies.Stream.Synchronize();

    /// <inheritdoc/>
    public void Dispose()
    {
        // Pinned memory is not given back under a copy.
        _copies.Stream.TrySettle();
        _copies.Dispose();
        _arena.Dispose();
        _tables.Dispose();
        Bindings.Dispose();
        FactorRuns.Dispose();
        Runs.Dispose();
    }

    private static int Tiles(int width) => (width + AdapterLayout.CellColumns - 1) / AdapterLayout.CellColumns;

    private void Check(int slot, int pageCount, ReadOnlySpan<int> pages)
    {
        if ((uint)slot >= (uint)_pool.AdapterSlots || pages.Length < pageCount)
        {
            throw new ComputeException($"Slot {slot} of {_pool.AdapterSlots}, or {pages.Length} pages for an adapter of {pageCount}, cannot be right.");
        }

        foreach (var page in pages)
        {
            if ((uint)page >= (uint)_pool.PageCount)
            {
                throw new ComputeException($"Page {page} is not one of the pool's {_pool.PageCount}.");
            }
        }
    }

    private void Bind(int slot, CutAdapter adapter, ReadOnlySpan<int> pages)
    {
        var bindings = new LoraBinding[_slices.Count];
        var factorRuns = new int[_slices.Count];
        var runs = new List<int>();
        var firstRun = slot * _runsPerSlot;
        var slices = adapter.Plan.Layout.Slices;
        for (var i = 0; i < slices.Count; i++)
        {
            var blocks = slices[i].RankBlocks;
            bindings[slices[i].Slice] = new LoraBinding
            {
                FirstShrinkRun = firstRun + runs.Count,
                FirstExpandRun = firstRun + runs.Count + (blocks * RunsOf(_slices[slices[i].Slice].InputWidth, CellsPerPage)),
                RankBlocks = blocks,
                Scale = adapter.Scales[i],
            };
            foreach (var run in slices[i].Runs)
            {
                factorRuns[slices[i].Slice] = run.Matrix == CellMatrix.Factor && run.FirstTile == 0 ? firstRun + runs.Count + 1 : factorRuns[slices[i].Slice];
                runs.Add((pages[run.Page] * CellsPerPage) + run.FirstCell);
            }
        }

        CopyTables(slot, bindings, factorRuns, runs);
        _hasFactors[slot] = factorRuns.Any(run => run > 0);
        var first = slot * _slices.Count;
        for (var slice = 0; slice < bindings.Length; slice++)
        {
            _rankBlocks[first + slice] = (byte)bindings[slice].RankBlocks;
        }
    }

    private void CopyTables(int slot, LoraBinding[] bindings, int[] factorRuns, List<int> runs)
    {
        var turn = _bindings++;
        _tables.Await(turn);
        var bytes = _tables.Piece<byte>(turn, SlotBindingBytes + ((factorRuns.Length + runs.Count) * sizeof(int)));
        MemoryMarshal.AsBytes<LoraBinding>(bindings).CopyTo(bytes);
        var factorBytes = factorRuns.Length * sizeof(int);
        MemoryMarshal.AsBytes<int>(factorRuns).CopyTo(bytes[SlotBindingBytes..]);
        MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(runs)).CopyTo(bytes[(SlotBindingBytes + factorBytes)..]);
        if (runs.Count > 0)
        {
            _tables.Copy(turn, SlotBindingBytes + factorBytes, runs.Count * sizeof(int), Runs, slot * (long)_runsPerSlot * sizeof(int), _copies.Stream);
        }

        // Of an adapter without factors in the place of another one there is nothing to say.
        if (_hasFactors[slot] || factorRuns.Any(run => run > 0))
        {
            _tables.Copy(turn, SlotBindingBytes, factorBytes, FactorRuns, slot * (long)factorBytes, _copies.Stream);
        }

        _tables.Copy(turn, 0, SlotBindingBytes, Bindings, slot * (long)SlotBindingBytes, _copies.Stream);
        _tables.Done(turn, _copies.Stream);
    }

    /// <summary>Runs of an adapter with the largest rank and factors on every slice.</summary>
    private static int RunsPerSlot(IReadOnlyList<LoraSlice> slices, int cellsPerPage) =>
        slices.Sum(slice => ((LoraParameters.MaxRank / AdapterLayout.CellRanks) * (RunsOf(slice.InputWidth, cellsPerPage) + RunsOf(slice.OutputWidth, cellsPerPage)))
            + ((AdapterLayout.FactorTiles(slice.OutputWidth) + cellsPerPage - 1) / cellsPerPage));

    private static int RunsOf(int width, int cellsPerPage) => (Tiles(width) + cellsPerPage - 1) / cellsPerPage;

    private static long BindingBytes(int slices, int slots) => Math.Max(1, slots * (long)slices) * Marshal.SizeOf<LoraBinding>();

    private static long FactorRunBytes(int slices, int slots) => Math.Max(1, slots * (long)slices) * sizeof(int);

    private static long RunBytes(int runsPerSlot, int slots) => Math.Max(1, slots * (long)runsPerSlot) * sizeof(int);
}
