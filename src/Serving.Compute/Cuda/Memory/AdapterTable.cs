using System.Runtime.InteropServices;
using Serving.Compute.Adapters;
using Serving.Compute.Backends;
using Serving.Compute.Cuda.Driver;
using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Programs;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Which adapter is bound to which slot, on the device and, for what the host decides by it, here. Adapters are cut into cells in pinned memory, page by page,
/// while the copy of the page before is under way, on a stream of their own.
/// </summary>
internal sealed class AdapterTable : IDisposable
{
    /// <summary>Pages that are cut and copied in turns.</summary>
    private const int StagingPages = 2;

    private readonly Lock _gate = new();
    private readonly IReadOnlyList<LoraSlice> _slices;
    private readonly PoolShape _pool;
    private readonly CudaDeviceBuffer _pages;
    private readonly CudaStream _stream;
    private readonly CudaPinnedBuffer _staging;
    private readonly CudaEvent[] _copied = new CudaEvent[StagingPages];
    private readonly byte[] _rankBlocks;
    private readonly int _runsPerSlot;

    /// <summary>A table of empty slots.</summary>
    public AdapterTable(ModelProgram program, PoolShape pool, CudaDeviceBuffer pages)
    {
        _slices = program.Slices;
        _pool = pool;
        _pages = pages;
        CellsPerPage = (int)(pool.PageBytes / AdapterLayout.CellBytes);
        _runsPerSlot = RunsPerSlot(_slices, CellsPerPage);
        var context = pages.Context;
        _stream = CudaStream.Create(context);
        _staging = CudaPinnedBuffer.Allocate(context, StagingPages * pool.PageBytes);
        for (var i = 0; i < StagingPages; i++)
        {
            _copied[i] = CudaEvent.Create(context);
        }

        _rankBlocks = new byte[Math.Max(1, pool.AdapterSlots * _slices.Count)];
        Bindings = CudaDeviceBuffer.Allocate(context, BindingBytes(_slices.Count, pool.AdapterSlots));
        Runs = CudaDeviceBuffer.Allocate(context, RunBytes(_runsPerSlot, pool.AdapterSlots));
        Bindings.Clear(_stream);
        _stream.Synchronize();
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
        BindingBytes(program.Slices.Count, slots) + RunBytes(RunsPerSlot(program.Slices, (int)(pageBytes / AdapterLayout.CellBytes)), slots);

    /// <summary>Cuts an adapter into cells, copies them to its pages and binds it to the slot; everything has arrived when it returns.</summary>
    public void Pack(int slot, AdapterWeights adapter, AdapterLayout layout, ReadOnlySpan<int> pages)
    {
        Check(slot, layout, pages);
        lock (_gate)
        {
            _pages.Context.MakeCurrent();
            var cuts = CellCut.List(_slices, adapter, layout);
            var next = 0;
            for (var page = 0; page < layout.PageCount; page++)
            {
                next = PackPage(cuts, next, page, pages[page]);
            }

            Bind(slot, adapter, layout, pages);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
        _staging.Dispose();
        Bindings.Dispose();
        Runs.Dispose();
        foreach (var copied in _copied)
        {
            copied.Dispose();
        }
    }

    private static int Tiles(int width) => (width + AdapterLayout.CellColumns - 1) / AdapterLayout.CellColumns;

    private void Check(int slot, AdapterLayout layout, ReadOnlySpan<int> pages)
    {
        if ((uint)slot >= (uint)_pool.AdapterSlots || pages.Length < layout.PageCount)
        {
            throw new ComputeException($"Slot {slot} of {_pool.AdapterSlots}, or {pages.Length} pages for an adapter of {layout.PageCount}, cannot be right.");
        }

        foreach (var page in pages)
        {
            if ((uint)page >= (uint)_pool.PageCount)
            {
                throw new ComputeException($"Page {page} is not one of the pool's {_pool.PageCount}.");
            }
        }
    }

    /// <summary>Fills one page from the cuts that lie in it, which are side by side in the list, and queues its copy.</summary>
    private int PackPage(List<CellCut> cuts, int next, int page, int target)
    {
        var turn = page % StagingPages;
        _copied[turn].Synchronize();
        var staging = _staging.Span<ushort>(turn * _pool.PageBytes, (int)(_pool.PageBytes / sizeof(ushort)));
        staging.Clear();
        for (; next < cuts.Count && cuts[next].Run.Page == page; next++)
        {
            cuts[next].Pack(staging);
        }

        _pages.CopyFromAsync(target * _pool.PageBytes, _staging, turn * _pool.PageBytes, _pool.PageBytes, _stream);
        _copied[turn].Record(_stream);
        return next;
    }

    private void Bind(int slot, AdapterWeights adapter, AdapterLayout layout, ReadOnlySpan<int> pages)
    {
        var bindings = new LoraBinding[_slices.Count];
        var runs = new List<int>();
        var firstRun = slot * _runsPerSlot;
        for (var i = 0; i < adapter.Slices.Count; i++)
        {
            var blocks = layout.Slices[i].RankBlocks;
            bindings[adapter.Slices[i].Slice] = new LoraBinding
            {
                FirstShrinkRun = firstRun + runs.Count,
                FirstExpandRun = firstRun + runs.Count + (blocks * RunsOf(_slices[adapter.Slices[i].Slice].InputWidth, CellsPerPage)),
                RankBlocks = blocks,
                Scale = adapter.Slices[i].Scale,
            };
            foreach (var run in layout.Slices[i].Runs)
            {
                runs.Add((pages[run.Page] * CellsPerPage) + run.FirstCell);
            }
        }

        var first = slot * _slices.Count;
        Bindings.CopyFrom<LoraBinding>(first * (long)Marshal.SizeOf<LoraBinding>(), bindings, _stream);
        Runs.CopyFrom<int>(firstRun * (long)sizeof(int), CollectionsMarshal.AsSpan(runs), _stream);
        for (var slice = 0; slice < bindings.Length; slice++)
        {
            _rankBlocks[first + slice] = (byte)bindings[slice].RankBlocks;
        }
    }

    /// <summary>Runs of an adapter with the largest rank on every slice.</summary>
    private static int RunsPerSlot(IReadOnlyList<LoraSlice> slices, int cellsPerPage) =>
        slices.Sum(slice => (LoraParameters.MaxRank / AdapterLayout.CellRanks) * (RunsOf(slice.InputWidth, cellsPerPage) + RunsOf(slice.OutputWidth, cellsPerPage)));

    private static int RunsOf(int width, int cellsPerPage) => (Tiles(width) + cellsPerPage - 1) / cellsPerPage;

    private static long BindingBytes(int slices, int slots) => Math.Max(1, slots * (long)slices) * Marshal.SizeOf<LoraBinding>();

    private static long RunBytes(int runsPerSlot, int slots) => Math.Max(1, slots * (long)runsPerSlot) * sizeof(int);
}
