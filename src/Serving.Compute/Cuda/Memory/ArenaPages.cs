namespace Serving.Compute.Cuda.Memory;

/// <summary>
/// Which pages of pinned host memory are free. A page that is given back may still be copied from: it is taken again when the load that it was last copied by has arrived,
/// and only where no other is free. Thread-safe.
/// </summary>
/// <param name="count">How many there are.</param>
/// <param name="awaitLoad">Waits until the load of a number, and all before it, have arrived; 0 is none.</param>
internal sealed class ArenaPages(int count, Action<long> awaitLoad)
{
    private readonly Lock _gate = new();
    private readonly Stack<int> _free = new(Enumerable.Range(0, count).Reverse());
    private readonly Queue<(int Page, long LastLoad)> _leaving = new();

    /// <summary>Takes pages.</summary>
    /// <returns>Null, with nothing taken, where there are not so many.</returns>
    public int[]? Take(int wanted)
    {
        var pages = new int[wanted];
        var lastLoad = 0L;
        lock (_gate)
        {
            if (_free.Count + _leaving.Count < wanted)
            {
                return null;
            }

            for (var i = 0; i < wanted; i++)
            {
                if (!_free.TryPop(out pages[i]))
                {
                    (pages[i], var load) = _leaving.Dequeue();
                    lastLoad = Math.Max(lastLoad, load);
                }
            }
        }

        Await(pages, lastLoad);
        return pages;
    }

    /// <summary>Gives pages back.</summary>
    /// <param name="pages">Pages that <see cref="Take"/> has given.</param>
    /// <param name="lastLoad">The last load that copied from them; 0 where none did.</param>
    public void Return(ReadOnlySpan<int> pages, long lastLoad)
    {
        lock (_gate)
        {
            foreach (var page in pages)
            {
                if (lastLoad == 0)
                {
                    _free.Push(page);
                }
                else
                {
                    _leaving.Enqueue((page, lastLoad));
                }
            }
        }
    }

    private void Await(int[] pages, long load)
    {
        try
        {
            awaitLoad(load);
        }
        catch
        {
            Return(pages, load);
            throw;
        }
    }
}
