using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Memory;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cuda.Memory;

/// <summary>An adapter cut piece by piece is the adapter cut run by run.</summary>
public sealed class CellPiecesTests
{
    private const ushort Untouched = 0xABCD;

    private static readonly LoraSlice[] Slices =
    [
        new(0, 0, Projection.Query, 700, 0, 130),
        new(1, 0, Projection.Key, 64, 0, 1100),
        new(2, 0, Projection.Value, 65, 0, 63),
    ];

    /// <summary>Pages that a run fills several of, that several runs fill, and that hold everything; pieces of a cell, odd ones, and larger than a page.</summary>
    [Theory]
    [InlineData(4096, 1)]
    [InlineData(4096, 3)]
    [InlineData(8192, 5)]
    [InlineData(8192, 256)]
    [InlineData(65536, 7)]
    [InlineData(1 << 20, 16)]
    public void Cut_AllPieces_FillsWhatTheRunsFill(int pageBytes, int largest)
    {
        var adapter = Adapter(16, 3, 41);
        var layout = AdapterLayout.Create(Slices, adapter.Slices.Select(slice => (slice.Slice, slice.Rank)), pageBytes);
        var pieces = new CellPieces(Slices, layout, largest);
        var pages = Pages(layout, pageBytes);

        // In any order: threads take pieces in order and end them as they come.
        foreach (var piece in Enumerable.Range(0, pieces.Count).OrderBy(piece => piece * 7919 % 1021))
        {
            pieces.Cut(piece, adapter, pages[pieces.PageOf(piece)]);
        }

        Assert.Equal(Expected(adapter, layout, pageBytes), pages);
    }

    [Theory]
    [InlineData(4096, 3)]
    [InlineData(65536, 7)]
    public void EndOf_EveryPage_HoldsItsPiecesAndNoneIsTooLarge(int pageBytes, int largest)
    {
        var layout = AdapterLayout.Create(Slices, [(0, 16), (1, 3), (2, 41)], pageBytes);
        var pieces = new CellPieces(Slices, layout, largest);
        var first = 0;
        for (var page = 0; page < layout.PageCount; page++)
        {
            Assert.All(Enumerable.Range(first, pieces.EndOf(page) - first), piece => Assert.Equal(page, pieces.PageOf(piece)));
            Assert.Equal((pieces.CellsOf(page) + largest - 1) / largest, pieces.EndOf(page) - first);
            first = pieces.EndOf(page);
        }

        Assert.Equal(pieces.Count, first);
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
