using FsCheck;
using FsCheck.Fluent;
using Serving.Core.Memory;

namespace Serving.Core.Tests.Memory;

public sealed class PagePoolTests
{
    [Fact]
    public void AnyOperations_AgainstAListOfPages_AgreeWithIt() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), RunModel).Check(Config.QuickThrowOnFailure);

    [Fact]
    public void TryLease_EmptyPool_IsRefused()
    {
        var pool = new PagePool(1);
        Assert.True(pool.TryLease(out _));
        Assert.False(pool.TryLease(out _));
        Assert.Equal((0, 1, 0), (pool.FreeCount, pool.LeasedCount, pool.CachedCount));
    }

    [Fact]
    public void Release_FreePage_Throws()
    {
        var pool = new PagePool(2);
        pool.TryLease(out var page);
        pool.Release(page);
        Assert.Throws<InvalidOperationException>(() => pool.Release(page));
        Assert.Throws<InvalidOperationException>(() => pool.Retain(page));
        Assert.Throws<InvalidOperationException>(() => pool.Keep(page));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(16, 1)]
    [InlineData(17, 2)]
    public void PagesFor_Tokens_RoundsUp(long tokens, int pages) => Assert.Equal(pages, PagePool.PagesFor(tokens));

    // The model: a number of holders and a mark per page, in plain lists.
    private static void RunModel(int seed)
    {
        var draw = new Draw(seed);
        var total = 1 + draw.Below(12);
        var pool = new PagePool(total);
        var holders = new int[total];
        var kept = new bool[total];
        for (var step = 0; step < 200; step++)
        {
            var page = new PageId(draw.Below(total));
            Step(draw.Below(5), pool, page, holders, kept);
            Assert.Equal(holders.Zip(kept).Count(pair => pair is (0, false)), pool.FreeCount);
            Assert.Equal(holders.Zip(kept).Count(pair => pair is (0, true)), pool.CachedCount);
            Assert.Equal(holders.Count(count => count > 0), pool.LeasedCount);
            pool.CheckIntegrity();
        }
    }

    private static void Step(int operation, PagePool pool, PageId page, int[] holders, bool[] kept)
    {
        var state = pool.StateOf(page);
        switch (operation)
        {
            case 0:
                Assert.Equal(pool.FreeCount > 0, pool.TryLease(out var leased));
                holders[leased.Value] += pool.ReferencesOf(leased) == 1 && holders[leased.Value] == 0 ? 1 : 0;
                break;
            case 1 when state != PageState.Free:
                pool.Retain(page);
                holders[page.Value]++;
                break;
            case 2 when state == PageState.Leased:
                holders[page.Value]--;
                Assert.Equal(holders[page.Value] > 0 ? PageState.Leased : kept[page.Value] ? PageState.Cached : PageState.Free, pool.Release(page));
                break;
            case 3 when state == PageState.Leased:
                pool.Keep(page);
                kept[page.Value] = true;
                break;
            case 4 when state != PageState.Free:
                pool.Forget(page);
                kept[page.Value] = false;
                break;
        }
    }
}
