using Serving.Core.Memory;
using Serving.Simulation.Worlds;

namespace Serving.Simulation.Invariants;

/// <summary>free + leased + cached == total, each page in exactly one state; at rest, after everything idle was evicted, all are free.</summary>
internal sealed class PageStates : Invariant
{
    private readonly Digest[] _cached;
    private readonly bool[] _evicted;

    /// <summary>Over a pool of <paramref name="pages"/> pages.</summary>
    public PageStates(int pages)
        : base("01 pages are conserved")
    {
        _cached = new Digest[pages];
        _evicted = new bool[pages];
    }

    /// <inheritdoc/>
    public override void AfterStep(World world, bool full)
    {
        var pool = world.Scheduler.State.Pool;
        if (pool.FreeCount + pool.LeasedCount + pool.CachedCount != pool.TotalCount || pool.FreeCount < 0 || pool.CachedCount < 0 || pool.LeasedCount < 0)
        {
            throw Violated($"{pool.FreeCount} free, {pool.LeasedCount} leased and {pool.CachedCount} cached of {pool.TotalCount}");
        }

        var counts = (Free: 0, Leased: 0, Cached: 0);
        for (var index = 0; index < pool.TotalCount; index++)
        {
            var state = pool.StateOf(new PageId(index));
            counts.Free += state == PageState.Free ? 1 : 0;
            counts.Leased += state == PageState.Leased ? 1 : 0;
            counts.Cached += state == PageState.Cached ? 1 : 0;
            NoteReuse(world, index, state);
        }

        if (counts != (pool.FreeCount, pool.LeasedCount, pool.CachedCount))
        {
            throw Violated($"{counts} are counted, {pool.FreeCount} free, {pool.LeasedCount} leased and {pool.CachedCount} cached are said");
        }
    }

    /// <inheritdoc/>
    public override void AtRest(World world)
    {
        var pool = world.Scheduler.State.Pool;
        if (pool.FreeCount != pool.TotalCount)
        {
            throw Violated($"at rest {pool.FreeCount} of {pool.TotalCount} pages are free, {pool.LeasedCount} leased, {pool.CachedCount} cached");
        }
    }

    private void NoteReuse(World world, int index, PageState state)
    {
        var cache = world.Scheduler.State.Cache;
        if (state == PageState.Cached)
        {
            _cached[index] = cache.KeyOf(new PageId(index));
            _evicted[index] = true;
        }
        else if (state == PageState.Leased && _evicted[index])
        {
            _evicted[index] = false;
            if (cache.KeyOf(new PageId(index)) != _cached[index])
            {
                world.Marks.Hit(Mark.EvictedThenReused);
            }
        }
    }
}
