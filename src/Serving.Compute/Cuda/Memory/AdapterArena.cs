using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Pinned host memory in pages as large as the pool's, for adapters that are cut once and loaded by copies alone. It is taken whole at start, so that
/// the driver is not asked to pin memory while it serves. Adapters are cut by the thread that asks for it.
/// </summary>
internal sealed class AdapterArena : IDisposable
{
    private readonly ArenaPages _pages;
    private readonly CudaPinnedBuffer? _memory;
    private readonly long _pageBytes;

    /// <summary>Takes as many pages as fit into so many bytes.</summary>
    public AdapterArena(CudaContext context, long bytes, long pageBytes, AdapterCopies copies)
    {
        _pageBytes = pageBytes;
        var count = checked((int)(bytes / pageBytes));
        _pages = new ArenaPages(count, copies.AwaitOnHost);
        _memory = count > 0 ? CudaPinnedBuffer.Allocate(context, count * pageBytes, clear: false) : null;
    }

    /// <summary>Cuts an adapter into pages.</summary>
    /// <returns>Null where too few are free.</returns>
    public CutAdapter? Prepare(AdapterWeights adapter, CellPlan plan) => Prepare(() => adapter, plan);

    /// <summary>The same of one that takes work to come by, once there are pages for it.</summary>
    public CutAdapter? Prepare(Func<AdapterWeights> make, CellPlan plan)
    {
        if (_pages.Take(plan.Layout.PageCount) is not { } pages)
        {
            return null;
        }

        try
        {
            var adapter = make();
            plan.Cut(adapter, page => _memory!.Span<ushort>(pages[page] * _pageBytes, (int)(_pageBytes / sizeof(ushort))));
            return new CutAdapter(this, plan, [.. adapter.Slices.Select(slice => slice.Scale)], pages);
        }
        catch
        {
            _pages.Return(pages, lastLoad: 0);
            throw;
        }
    }

    /// <summary>Queues the copies of an adapter's cells to pages of the pool: whole pages, as each copy costs the device microseconds.</summary>
    public void Copy(CutAdapter adapter, CudaDeviceBuffer pool, ReadOnlySpan<int> pages, CudaStream stream)
    {
        for (var page = 0; page < adapter.PageCount; page++)
        {
            pool.CopyFromAsync(pages[page] * _pageBytes, _memory!, adapter.ArenaPages[page] * _pageBytes, adapter.Plan.CellsOf(page) * (long)AdapterLayout.CellBytes, stream);
        }
    }

    /// <summary>Gives an adapter's pages back.</summary>
    /// <param name="pages">Its pages.</param>
    /// <param name="lastLoad">The last load that copied from them; 0 where none did.</param>
    public void Return(ReadOnlySpan<int> pages, long lastLoad) => _pages.Return(pages, lastLoad);

    /// <summary>Gives the memory back to the driver; no copy may be under way.</summary>
    public void Dispose() => _memory?.Dispose();
}
