using FsCheck;
using FsCheck.Fluent;
using Serving.Core.Memory;

namespace Serving.Core.Tests.Memory;

public sealed class PrefixCacheTests
{
    private static Digest Root { get; } = PrefixKeys.Root(Digest.None, Digest.None, Digest.None);

    private readonly PagePool _pool = new(8);
    private readonly EvictionEconomy _economy = new();
    private readonly PrefixCache _cache;
    private readonly PageSupply _supply;

    public PrefixCacheTests()
    {
        _cache = new PrefixCache(_pool, _economy, secondsPerToken: 1);
        _supply = new PageSupply(_pool, _cache, _economy);
    }

    [Fact]
    public void Find_SealedPage_IsTheOneOfTheSameRootParentAndTokens()
    {
        var first = Seal(Tokens(1), Root, null);
        var second = Seal(Tokens(2), Root, first);
        Assert.Equal(first, Find(Tokens(1), Root, null));
        Assert.Equal(second, Find(Tokens(2), Root, first));
        Assert.Null(Find(Tokens(2), Root, null));
        Assert.Null(Find(Tokens(3), Root, null));
        Assert.Null(Find(Tokens(1), PrefixKeys.Root(Digest.None, Digest.None, Digest.Of([1])), null));
    }

    [Fact]
    public void Root_AnyPartDiffers_IsAnotherRoot()
    {
        var (one, two) = (Digest.Of([1]), Digest.Of([2]));
        var roots = new[]
        {
            PrefixKeys.Root(one, one, one), PrefixKeys.Root(two, one, one), PrefixKeys.Root(one, two, one), PrefixKeys.Root(one, one, two),
        };
        Assert.Equal(4, roots.Distinct().Count());
    }

    [Fact]
    public void Next_PositionDiffers_IsAnotherKey() =>
        Assert.NotEqual(PrefixKeys.Next(Root, Tokens(1), Positions(0)), PrefixKeys.Next(Root, Tokens(1), Positions(16)));

    [Fact]
    public void RootBehind_OtherModulesOrOrder_IsAnotherRoot()
    {
        var (one, two) = (Digest.Of([1]), Digest.Of([2]));
        var roots = new[] { Root, PrefixKeys.RootBehind(Root, [one]), PrefixKeys.RootBehind(Root, [two]), PrefixKeys.RootBehind(Root, [one, two]), PrefixKeys.RootBehind(Root, [two, one]) };
        Assert.Equal(5, roots.Distinct().Count());
        Assert.Equal(Root, PrefixKeys.RootBehind(Root, []));
    }

    [Fact]
    public void Find_SameTokensAtOtherPositions_FindsNothing()
    {
        Seal(Tokens(1), Root, null);
        Assert.Null(_cache.Find(PrefixKeys.Next(Root, Tokens(1), Positions(0)), Root, null, Tokens(1), Positions(16)));
        Assert.Null(_cache.Find(PrefixKeys.Next(Root, Tokens(1), Positions(16)), Root, null, Tokens(1), Positions(16)));
    }

    [Fact]
    public void Seal_SameContentTwice_NamesTheFirstPage()
    {
        var first = Seal(Tokens(1), Root, null);
        _supply.TryTake(out var again);
        Assert.Equal(SealResult.Duplicate, Seal(again, Tokens(1), Root, null, out var existing));
        Assert.Equal(first, existing);
        Assert.False(_cache.IsSealed(again));
    }

    [Fact]
    public void Seal_SameKeyOtherContent_IsACollisionAndFindIsNotFooled()
    {
        var cache = new PrefixCache(_pool, new EvictionEconomy(), 1) { CollideKeys = true };
        var results = new List<SealResult>();
        PageId? sealedPage = null;
        for (var i = 0; i < 8; i++)
        {
            _pool.TryLease(out var page);
            var result = cache.Seal(page, PrefixKeys.Next(Root, Tokens(i), Positions(0)), Root, null, Tokens(i), Positions(0), out _);
            results.Add(result);
            var found = cache.Find(PrefixKeys.Next(Root, Tokens(i), Positions(0)), Root, null, Tokens(i), Positions(0));
            Assert.Equal(result == SealResult.Sealed ? page : null, found);
            sealedPage ??= found;
        }

        Assert.Contains(SealResult.Collision, results);
        Assert.NotNull(sealedPage);
    }

    [Fact]
    public void TryTake_EverythingCached_TakesLeavesBeforeParents()
    {
        var pages = new List<PageId>();
        for (var i = 0; i < 8; i++)
        {
            pages.Add(Seal(Tokens(i), Root, i == 0 ? null : pages[^1]));
        }

        pages.ForEach(_supply.Release);
        Assert.Equal(8, _pool.CachedCount);
        for (var i = 7; i >= 0; i--)
        {
            Assert.True(_supply.TryTake(out var taken));
            Assert.Equal(pages[i], taken);
            _cache.CheckIntegrity();
        }

        Assert.False(_supply.TryTake(out _));
    }

    [Fact]
    public void TryTake_OnePageUsedOften_TakesTheOtherFirst()
    {
        var (often, seldom) = (Seal(Tokens(1), Root, null), Seal(Tokens(2), Root, null));
        _cache.Use(often);
        _supply.Release(often);
        _supply.Release(seldom);
        for (var i = 0; i < 7; i++)
        {
            _supply.TryTake(out _);
        }

        Assert.False(_cache.IsSealed(seldom));
        Assert.True(_cache.IsSealed(often));
    }

    [Fact]
    public void TryLease_MoreThanCanBeHad_TakesNothing()
    {
        _supply.TryTake(out _);
        Assert.Null(_supply.TryLease(8));
        Assert.Equal(7, _pool.FreeCount);
        using (var lease = _supply.TryLease(7))
        {
            Assert.Equal(7, lease!.Pages.Distinct().Count());
            Assert.Equal(0, _pool.FreeCount);
            lease.Dispose();
        }

        Assert.Equal(7, _pool.FreeCount);
    }

    [Fact]
    public void AnySealsAndReleases_AgainstADictionaryOfContents_FindTheSame() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed => new PrefixCacheTests().RunModel(seed)).Check(Config.QuickThrowOnFailure);

    private static int[] Tokens(int seed) => [.. Enumerable.Range(0, PagePool.SlotsPerPage).Select(i => (seed * 100) + i)];

    // The model: page contents as text, from the root on. Chains of up to three pages over three different tokens, built and given back at random.
    private void RunModel(int seed)
    {
        var draw = new Draw(seed);
        var model = new Dictionary<string, PageId>();
        for (var step = 0; step < 60; step++)
        {
            var held = new List<PageId>();
            var path = "";
            for (var depth = 1 + draw.Below(3); depth > 0; depth--)
            {
                var token = draw.Below(3);
                path += token;
                Forget(model);
                PageId? parent = held.Count == 0 ? null : held[^1];
                var found = Find(Tokens(token), Root, parent);
                Assert.Equal(model.TryGetValue(path, out var expected) ? expected : null, found);
                if (found is { } page)
                {
                    _supply.Share(page);
                    held.Add(page);
                }
                else
                {
                    held.Add(Seal(Tokens(token), Root, parent));
                    model[path] = held[^1];
                }
            }

            held.ForEach(_supply.Release);
            _cache.CheckIntegrity();
            _pool.CheckIntegrity();
        }
    }

    // What was evicted is no longer expected: its page is out of the index, or holds another content by now.
    private void Forget(Dictionary<string, PageId> model)
    {
        foreach (var (path, page) in model.ToArray())
        {
            if (!_cache.IsSealed(page) || PathOf(page) != path)
            {
                model.Remove(path);
            }
        }
    }

    private string PathOf(PageId page) => (_cache.ParentOf(page) is { } parent ? PathOf(parent) : "") + (_cache.TokensOf(page)[0] / 100);

    private PageId? Find(int[] tokens, Digest root, PageId? parent) => _cache.Find(KeyOf(tokens, root, parent), root, parent, tokens, Positions(0));

    private PageId Seal(int[] tokens, Digest root, PageId? parent)
    {
        Assert.True(_supply.TryTake(out var page));
        Assert.Equal(SealResult.Sealed, Seal(page, tokens, root, parent, out _));
        return page;
    }

    private SealResult Seal(PageId page, int[] tokens, Digest root, PageId? parent, out PageId existing) =>
        _cache.Seal(page, KeyOf(tokens, root, parent), root, parent, tokens, Positions(0), out existing);

    private Digest KeyOf(int[] tokens, Digest root, PageId? parent) => PrefixKeys.Next(parent is { } page ? _cache.KeyOf(page) : root, tokens, Positions(0));

    private static int[] Positions(int first) => [.. Enumerable.Range(first, PagePool.SlotsPerPage)];
}
