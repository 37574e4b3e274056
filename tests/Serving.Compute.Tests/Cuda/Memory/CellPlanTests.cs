using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cuda.Memory;

/// <summary>An adapter cut page by page is the adapter cut run by run, and nothing else of a page is written.</summary>
public sealed class CellPlanTests
{
    private const ushort Untouched = 0xABCD;

    private static readonly LoraSlice[] Slices =
    [
        new(0, 0, Projection.Query, 700, 0, 130),
        new(1, 0, Projection.Key, 64, 0, 1100),
        new(2, 0, Projection.Value, 65, 0, 63),
    ];

    /// <summary>Pages that a run fills several of, that several runs fill, and that hold everything.</summary>
    [Theory]
    [InlineData(4096)]
    [InlineData(8192)]
    [InlineData(65536)]
    [InlineData(1 << 20)]
    public void Cut_AnyPages_FillsWhatTheRunsFill(int pageBytes)
    {
        var adapter = Adapter(16, 3, 41);
        var layout = AdapterLayout.Create(Slices, adapter.Slices.Select(slice => (slice.Slice, slice.Rank)), pageBytes);
        var plan = new CellPlan(Slices, layout);
        var pages = Pages(layout, pageBytes);
        plan.Cut(adapter, page => pages[page]);
        Assert.Equal(Expected(adapter, layout, pageBytes), pages);
    }

    /// <summary>What is copied of a page is what was cut, whole and no more: cells from the first on, without a gap.</summary>
    [Theory]
    [InlineData(4096)]
    [InlineData(65536)]
    public void CellsOf_EveryPage_AreThoseOfItsRuns(int pageBytes)
    {
        var layout = AdapterLayout.Create(Slices, [(0, 16), (1, 3), (2, 41)], pageBytes);
        var plan = new CellPlan(Slices, layout);
        for (var page = 0; page < layout.PageCount; page++)
        {
            Assert.Equal(layout.Slices.SelectMany(slice => slice.Runs).Where(run => run.Page == page).Sum(run => run.TileCount), plan.CellsOf(page));
        }

        Assert.Equal(layout.CellCount, Enumerable.Range(0, layout.PageCount).Sum(plan.CellsOf));
    }

    /// <summary>A plan is found again by blocks of ranks, slice by slice; more plans than are kept push out the one used longest ago.</summary>
    [Fact]
    public void Of_AdaptersOfManyRanks_KeepsThoseUsedLast()
    {
        var plans = new CellPlans(Slices, 8192);
        var first = plans.Of(Adapter(9, 3, 41));
        Assert.Same(first, plans.Of(Adapter(16, 8, 48)));
        Assert.NotSame(first, plans.Of(Adapter(17, 3, 41)));
        Assert.NotSame(first, plans.Of(new AdapterWeights([.. Adapter(9, 3, 41).Slices.Take(2)])));
        for (var rank = 1; rank <= 30; rank++)
        {
            Assert.Equal(rank, plans.Of(Adapter(rank * 8, 1, 1)).Layout.Slices[0].RankBlocks);
            Assert.Same(first, plans.Of(Adapter(9, 3, 41)));
        }

        var second = plans.Of(Adapter(17, 3, 41));
        Assert.Same(second, plans.Of(Adapter(24, 1, 45)));
    }

    private static AdapterWeights Adapter(params int[] ranks)
    {
        var random = new Random(ranks[0]);
        return new AdapterWeights([.. Slices.Select((slice, i) => new AdapterSlice(
            i, ranks[i], 1, TestProgram.Normal(random, ranks[i] * slice.InputWidth, 1), TestProgram.Normal(random, ranks[i] * slice.OutputWidth, 1)))]);
    }

    private static ushort[][] Pages(AdapterLayout layout, int pageBytes)
    {
        var pages = new ushort[layout.PageCount][];
        for (var page = 0; page < pages.Length; page++)
        {
            pages[page] = new ushort[pageBytes / sizeof(ushort)];
            Array.Fill(pages[page], Untouched);
        }

        return pages;
    }

    private static ushort[][] Expected(AdapterWeights adapter, AdapterLayout layout, int pageBytes)
    {
        var pages = Pages(layout, pageBytes);
        for (var i = 0; i < layout.Slices.Count; i++)
        {
            foreach (var run in layout.Slices[i].Runs)
            {
                var width = run.Matrix == CellMatrix.Shrink ? Slices[i].InputWidth : Slices[i].OutputWidth;
                CellOrder.Fill(run, adapter.Slices[i], width, pages[run.Page].AsSpan(run.FirstCell * CellOrder.CellElements));
            }
        }

        return pages;
    }
}
