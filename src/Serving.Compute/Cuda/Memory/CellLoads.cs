using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Driver;

namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Adapters' cells on their way to the device: threads cut pieces of pages (<see cref="CutCrew"/>) into a ring of pinned pages, and the caller's queues the copy of a page, whole,
/// when it and all before it are cut. Pages are copied whole because every copy costs the device microseconds.
/// </summary>
internal sealed class CellLoads : IDisposable
{
    /// <summary>Pages of pinned memory that are cut and copied by turns: what is queued must last while a thread that waits for the device wakes up.</summary>
    private const int RingPages = 8;

    private readonly CudaDeviceBuffer _pages;
    private readonly CudaStream _stream;
    private readonly StagingRing _ring;
    private readonly long _pageBytes;
    private readonly int _threads;
    private long _turn;

    /// <summary>Takes the ring.</summary>
    /// <param name="pages">The arena.</param>
    /// <param name="pageBytes">Bytes of a page.</param>
    /// <param name="stream">Where copies are queued.</param>
    /// <param name="threads">Threads that cut, the caller's among them.</param>
    public CellLoads(CudaDeviceBuffer pages, long pageBytes, CudaStream stream, int threads)
    {
        _pages = pages;
        _pageBytes = pageBytes;
        _stream = stream;
        _threads = threads;
        _ring = new StagingRing(pages.Context, RingPages, pageBytes);
    }

    /// <summary>Cuts all pieces and queues the copies, in the order of the pages. One load at a time.</summary>
    /// <param name="adapter">What is cut.</param>
    /// <param name="pieces">Its plan.</param>
    /// <param name="pages">Where its pages go.</param>
    public void Load(AdapterWeights adapter, CellPieces pieces, ReadOnlySpan<int> pages)
    {
        var first = _turn;
        using var crew = new CutCrew(pieces.Count, _threads - 1, piece => pieces.Cut(piece, adapter, Page(first + pieces.PageOf(piece))));
        var (free, queued, count) = (0, 0, pieces.Layout.PageCount);
        while (queued < count)
        {
            while (free < Math.Min(count, queued + _ring.Count) && _ring.IsFree(first + free))
            {
                crew.Allow(pieces.EndOf(free++));
            }

            if (!crew.TryWork())
            {
                Wait(crew, pieces, free, queued, first);
            }

            for (; queued < free && IsCut(crew, pieces, queued); queued++)
            {
                Queue(first + queued, pieces.CellsOf(queued), pages[queued]);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _ring.Dispose();

    /// <summary>Nothing can be begun: waits for the device where everything cut is queued, else for the other threads.</summary>
    private void Wait(CutCrew crew, CellPieces pieces, int free, int queued, long first)
    {
        if (free == queued)
        {
            _ring.Await(first + free);
            return;
        }

        for (var piece = FirstOf(pieces, queued); piece < pieces.EndOf(queued); piece++)
        {
            crew.Await(piece);
        }
    }

    private static int FirstOf(CellPieces pieces, int page) => page == 0 ? 0 : pieces.EndOf(page - 1);

    private static bool IsCut(CutCrew crew, CellPieces pieces, int page)
    {
        for (var piece = FirstOf(pieces, page); piece < pieces.EndOf(page); piece++)
        {
            if (!crew.IsDone(piece))
            {
                return false;
            }
        }

        return true;
    }

    private void Queue(long turn, int cells, int page)
    {
        _ring.Copy(turn, 0, cells * (long)AdapterLayout.CellBytes, _pages, page * _pageBytes, _stream);
        _ring.Done(turn, _stream);
        _turn = turn + 1;
    }

    private Span<ushort> Page(long turn) => _ring.Piece<ushort>(turn, (int)(_pageBytes / sizeof(ushort)));
}
