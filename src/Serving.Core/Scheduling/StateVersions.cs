using Serving.Core.Memory;

namespace Serving.Core.Scheduling;

/// <summary>
/// The recurrent state of a running sequence: two versions, each a list of pages, that plans read and write in turns. A plan reads what the plan before it writes, in flight or not, since the
/// device runs plans in order; and never writes what it reads, so that a row which did not count is computed again from the same version. A snapshot is read in a version's place by the first
/// plan behind it.
/// <code>
/// plan       reads        writes
/// N          zeros        version 1      or a snapshot that was found
/// N + 1      version 1    version 0      withdrawn: the turn is taken back
/// N + 2      version 1    version 0      complete: kept as a snapshot; version 0 is other pages from now on
/// N + 3      snapshot     version 1
/// </code>
/// </summary>
/// <param name="size">Pages of a version.</param>
internal sealed class StateVersions(int size)
{
    private readonly PageId[] _pages = new PageId[2 * size];
    private PageId[]? _snapshot;
    private int _newest;
    private bool _unpinned;

    /// <summary>Whether nothing is computed yet: the state is all zeros, and no page holds it.</summary>
    public bool IsBlank { get; private set; } = true;

    /// <summary>Whether the versions are its own: as long as its sequence runs.</summary>
    public bool IsHeld { get; private set; }

    /// <summary>Pages of its own.</summary>
    public ReadOnlySpan<PageId> Pages => IsHeld ? _pages : [];

    /// <summary>Pages of the snapshot that the next plan reads; held until then.</summary>
    public ReadOnlySpan<PageId> Snapshot => _snapshot;

    /// <summary>What the next plan reads, unless it reads zeros.</summary>
    public ReadOnlySpan<PageId> Newest => _snapshot ?? Version(_newest);

    /// <summary>What the next plan writes.</summary>
    public ReadOnlySpan<PageId> Other => Version(1 - _newest);

    /// <summary>Begins at a snapshot, before the pages are taken: taking some may evict what nobody holds.</summary>
    /// <param name="supply">The pool's door.</param>
    /// <param name="snapshot">Its pages.</param>
    /// <param name="unpinned">It is not held: a mistake planted by the simulation.</param>
    public void Begin(PageSupply supply, PageId[] snapshot, bool unpinned)
    {
        _snapshot = snapshot;
        _unpinned = unpinned;
        foreach (var page in unpinned ? [] : snapshot)
        {
            supply.Share(page);
        }
    }

    /// <summary>Takes the pages of both versions, which were found to be there.</summary>
    public void Take(PageSupply supply)
    {
        TakePages(supply, _pages);
        IsHeld = true;
        IsBlank = _snapshot is null;
    }

    /// <summary>A plan that reads the newest version and writes the other one is made.</summary>
    public void Turn(DeferredReleases releases)
    {
        DropSnapshot(releases);
        _newest = 1 - _newest;
        IsBlank = false;
    }

    /// <summary>What the newest plan writes counts for nothing. It is never a sequence's first one, nor the first one behind a snapshot.</summary>
    public void TakeBack() => _newest = 1 - _newest;

    /// <summary>Puts other pages, which were found to be there, in the place of the version that the newest complete plan wrote.</summary>
    /// <param name="supply">Where they come from.</param>
    /// <param name="ahead">Whether a plan that reads it is in flight: else the next one does, and it is held until then.</param>
    /// <returns>The version: one reference to each page is the caller's to give back if a plan in flight reads it.</returns>
    public PageId[] Replace(PageSupply supply, bool ahead)
    {
        var version = Version(ahead ? 1 - _newest : _newest);
        var snapshot = version.ToArray();
        TakePages(supply, version);
        _snapshot = ahead ? null : snapshot;
        return snapshot;
    }

    /// <summary>Forgets that there are pages to give back: a mistake planted by the simulation.</summary>
    public void Forget() => IsHeld = false;

    /// <summary>Goes on from what the pages held before: a mistake planted by the simulation.</summary>
    public void KeepStale() => IsBlank = false;

    /// <summary>Gives the pages back.</summary>
    public void Release(DeferredReleases releases)
    {
        foreach (var page in Pages)
        {
            releases.Release(page);
        }

        IsHeld = false;
        DropSnapshot(releases);
    }

    private static void TakePages(PageSupply supply, Span<PageId> pages)
    {
        foreach (ref var page in pages)
        {
            var taken = supply.TryTake(out page);
            Integrity.Require(taken, "fewer pages can be had than were promised");
        }
    }

    private Span<PageId> Version(int place) => _pages.AsSpan(place * size, size);

    private void DropSnapshot(DeferredReleases releases)
    {
        foreach (var page in _unpinned ? [] : Snapshot)
        {
            releases.Release(page);
        }

        _unpinned = false;
        _snapshot = null;
    }
}
