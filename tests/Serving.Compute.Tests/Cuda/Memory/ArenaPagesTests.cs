using Serving.Compute.Cuda.Memory;

namespace Serving.Compute.Tests.Cuda.Memory;

/// <summary>Pages of host memory: how many there are, and when one may be written to again.</summary>
public sealed class ArenaPagesTests
{
    private readonly List<long> _awaited = [];

    [Fact]
    public void Take_MoreThanThereAre_TakesNothing()
    {
        var pages = new ArenaPages(5, _awaited.Add);
        var three = pages.Take(3);
        Assert.Null(pages.Take(3));
        Assert.Equal(5, three!.Concat(pages.Take(2)!).Distinct().Count());
        Assert.Null(pages.Take(1));
        Assert.Empty(pages.Take(0)!);
    }

    /// <summary>Free pages go first; those that a load has copied from wait for it, those given back longest ago first.</summary>
    [Fact]
    public void Take_PagesThatWereCopiedFrom_WaitsForTheirLoads()
    {
        var pages = new ArenaPages(6, _awaited.Add);
        var first = pages.Take(2)!;
        var second = pages.Take(2)!;
        _awaited.Clear();
        pages.Return(second, lastLoad: 8);
        pages.Return(first, lastLoad: 7);
        Assert.DoesNotContain(pages.Take(2)!, page => first.Contains(page) || second.Contains(page));
        Assert.Equal([0], _awaited);
        Assert.Equal(second, pages.Take(2));
        Assert.Equal([0, 8], _awaited);
        Assert.Equal(first, pages.Take(2));
        Assert.Equal([0, 8, 7], _awaited);
        pages.Return(first, lastLoad: 0);
        Assert.Equal(2, pages.Take(2)!.Length);
        Assert.Equal(0, _awaited[^1]);
    }

    /// <summary>A device that fails while somebody waits: the pages are as they were.</summary>
    [Fact]
    public void Take_WaitingFails_LosesNoPage()
    {
        var fails = true;
        var pages = new ArenaPages(3, load => _ = fails && load > 0 ? throw new InvalidOperationException("planted") : 0);
        pages.Return(pages.Take(2)!, lastLoad: 4);
        Assert.Throws<InvalidOperationException>(() => pages.Take(3));
        fails = false;
        Assert.Equal(3, pages.Take(3)!.Distinct().Count());
    }
}
