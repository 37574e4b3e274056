using Serving.Core.Memory;

namespace Serving.Core.Tests.Memory;

public sealed class StateSnapshotsTests
{
    private static Digest Root { get; } = PrefixKeys.Root(Digest.None, Digest.None, Digest.None);

    private readonly PagePool _pool = new(16);
    private readonly EvictionEconomy _economy = new();
    private readonly PrefixCache _cache;
    private readonly PageSupply _supply;

    public StateSnapshotsTests()
    {
        _cache = new PrefixCache(_pool, _economy, secondsPerToken: 1, snapshots: true);
        _supply = new PageSupply(_pool, _cache, _economy);
    }

    [Fact]
    public void PrefixCache_ModelWithoutState_HasNoSnapshots() => Assert.Null(new PrefixCache(_pool, new EvictionEconomy(), 1).StateSnapshots);

    [Fact]
    public void Add_SealedPage_FindsTheVersionAndItsOwner()
    {
        var page = Seal(1, null);
        var version = Version(3);
        _cache.StateSnapshots!.Add(page, version);
        Assert.Equal(version, _cache.StateSnapshots.Of(page));
        Assert.All(version, part => Assert.Equal(page, _cache.StateSnapshots.OwnerOf(part)));
        Assert.Null(_cache.StateSnapshots.OwnerOf(page));
        Assert.Equal((1, 1L, 0L), (_cache.StateSnapshots.Count, _cache.StateSnapshots.Taken, _cache.StateSnapshots.Evictions));
        _cache.CheckIntegrity();
    }

    [Fact]
    public void Add_Twice_Throws()
    {
        var page = Seal(1, null);
        _cache.StateSnapshots!.Add(page, Version(1));
        Assert.Throws<InvalidOperationException>(() => _cache.StateSnapshots.Add(page, Version(1)));
    }

    [Fact]
    public void EvictLowest_PageWithSnapshot_LosesTheSnapshotFirst()
    {
        var first = Seal(1, null);
        var second = Seal(2, first);
        var version = Version(4);
        _cache.StateSnapshots!.Add(first, version);
        Release(first, second);
        Release(version);
        Assert.Equal((10, 6), (_pool.FreeCount, _pool.CachedCount));
        Assert.Equal(_pool.TotalCount, _supply.Obtainable);

        Assert.True(_economy.EvictLowest()); // 16 tokens for four pages.
        Assert.Null(_cache.StateSnapshots.Of(first));
        Assert.Equal((14, true, true), (_pool.FreeCount, _cache.IsSealed(first), _cache.IsSealed(second)));
        _cache.CheckIntegrity();

        Assert.True(_economy.EvictLowest());
        Assert.Equal((true, false), (_cache.IsSealed(first), _cache.IsSealed(second)));
        Assert.True(_economy.EvictLowest());
        Assert.False(_economy.EvictLowest());
        Assert.Equal(_pool.TotalCount, _pool.FreeCount);
        _cache.CheckIntegrity();
    }

    [Fact]
    public void EvictLowest_SnapshotWorthMore_HoldsItsPageBack()
    {
        // Of a chain of two the snapshot behind the second is worth 32 tokens for its one page: the page itself is no leaf until it went.
        var first = Seal(1, null);
        var second = Seal(2, first);
        var other = Seal(3, null);
        _cache.StateSnapshots!.Add(second, Version(1));
        Release(first, second);
        Release(_cache.StateSnapshots.Of(second)!);
        Release(other);
        Assert.True(_economy.EvictLowest());
        Assert.Equal((false, true, true), (_cache.IsSealed(other), _cache.IsSealed(first), _cache.IsSealed(second)));
        Assert.Equal(1, _economy.Count);
        Assert.True(_economy.EvictLowest());
        Assert.Equal(1, _cache.StateSnapshots.Evictions);
        Assert.True(_economy.EvictLowest());
        Assert.False(_cache.IsSealed(second));
    }

    [Fact]
    public void Idle_SnapshotBeforeIt_CostsTheTokensSince()
    {
        var first = Seal(1, null);
        var second = Seal(2, first);
        var third = Seal(3, second);
        _cache.StateSnapshots!.Add(first, Version(2));
        _cache.StateSnapshots.Add(third, Version(2));
        Release(_cache.StateSnapshots.Of(first)!);
        Release(_cache.StateSnapshots.Of(third)!);

        // 16 tokens from the start for two pages, 32 from the one before it for two pages; then what is left of the cost with one use more.
        Assert.Equal(8, _economy.ValueOf(16 + first.Value));
        Assert.Equal(16, _economy.ValueOf(16 + third.Value));
        Share(_cache.StateSnapshots.Of(first)!);
        Assert.False(_economy.Contains(16 + first.Value));
        _cache.StateSnapshots.Use(first);
        Release(_cache.StateSnapshots.Of(first)!);
        Assert.Equal(16, _economy.ValueOf(16 + first.Value));
        _cache.CheckIntegrity();
    }

    [Fact]
    public void TryTake_SnapshotIsHeld_LeavesItAndTakesWhatItStandsOnLast()
    {
        var page = Seal(1, null);
        var version = Version(2);
        _cache.StateSnapshots!.Add(page, version);
        var taken = 0;
        while (_supply.TryTake(out _))
        {
            taken++;
        }

        Assert.Equal(13, taken);
        Release(version);
        Assert.Equal(2, _supply.Obtainable);
        Assert.True(_supply.TryTake(out _)); // Its page is held, the snapshot is not.
        Assert.Null(_cache.StateSnapshots.Of(page));
        Assert.True(_cache.IsSealed(page));
        Release(page);
        Assert.Equal(2, _supply.Obtainable);
        _cache.CheckIntegrity();
    }

    [Fact]
    public void CheckIntegrity_PartIsReleasedAlone_Throws()
    {
        _cache.StateSnapshots!.Add(Seal(1, null), Version(2));
        _supply.Release(_cache.StateSnapshots.Of(new PageId(0))![0]);
        Assert.Throws<InvalidOperationException>(_cache.CheckIntegrity);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AnyChainsSnapshotsAndTakes_AllKeepTheirInvariants(int seed)
    {
        var draw = new Draw(seed);
        for (var step = 0; step < 400; step++)
        {
            var held = new List<PageId>();
            for (var depth = 1 + draw.Below(3); depth > 0 && _supply.Obtainable > 4; depth--)
            {
                PageId? parent = held.Count == 0 ? null : held[^1];
                held.Add(FindOrSeal(draw.Below(3), parent));
            }

            if (held.Count > 0 && _supply.Obtainable > 4 && _cache.StateSnapshots!.Of(held[^1]) is null)
            {
                var version = Version(1 + draw.Below(3));
                _cache.StateSnapshots.Add(held[^1], version);
                Release(version);
            }

            Release([.. held]);
            _cache.CheckIntegrity();
            _pool.CheckIntegrity();
            _economy.CheckIntegrity();
            Assert.Equal(_pool.TotalCount, _supply.Obtainable);
        }

        Assert.True(_cache.StateSnapshots!.Evictions > 0 && _cache.Evictions > 0);
        while (_economy.EvictLowest())
        {
        }

        Assert.Equal((_pool.TotalCount, 0, 0), (_pool.FreeCount, _cache.Count, _cache.StateSnapshots.Count));
    }

    private static int[] Tokens(int seed) => [.. Enumerable.Range(0, PagePool.SlotsPerPage).Select(i => (seed * 100) + i)];

    private static int[] Positions { get; } = [.. Enumerable.Range(0, PagePool.SlotsPerPage)];

    private PageId Seal(int seed, PageId? parent)
    {
        Assert.True(_supply.TryTake(out var page));
        Assert.Equal(SealResult.Sealed, _cache.Seal(page, KeyOf(seed, parent), Root, parent, Tokens(seed), Positions, out _));
        return page;
    }

    private PageId FindOrSeal(int seed, PageId? parent)
    {
        if (_cache.Find(KeyOf(seed, parent), Root, parent, Tokens(seed), Positions) is not { } found)
        {
            return Seal(seed, parent);
        }

        _supply.Share(found);
        return found;
    }

    private Digest KeyOf(int seed, PageId? parent) => PrefixKeys.Next(parent is { } page ? _cache.KeyOf(page) : Root, Tokens(seed), Positions);

    private PageId[] Version(int size)
    {
        var version = new PageId[size];
        for (var i = 0; i < size; i++)
        {
            Assert.True(_supply.TryTake(out version[i]));
        }

        return version;
    }

    private void Release(params PageId[] pages) => Array.ForEach(pages, _supply.Release);

    private void Share(PageId[] pages) => Array.ForEach(pages, _supply.Share);
}
