using Serving.Compute.Adapters;
using Serving.Compute.Programs;

namespace Serving.Compute.Tests.Adapters;

public sealed class AdapterLayoutTests
{
    /// <summary>Every cell of every matrix has a place of its own inside a page.</summary>
    [Theory]
    [InlineData(16, 4096)]
    [InlineData(1, 8192)]
    [InlineData(256, 12288)]
    [InlineData(37, 368640)]
    public void Create_AnyRank_PlacesEveryCellOnce(int rank, long pageBytes)
    {
        var slices = Slices(hidden: 100, intermediate: 700, query: 96, keyValue: 32, layers: 2);
        var layout = AdapterLayout.Create(slices, slices.Select(slice => (slice.Index, rank)), pageBytes);
        var places = new HashSet<(int, int)>();
        var tiles = new HashSet<(int, CellMatrix, int, int)>();
        foreach (var (slice, run) in layout.Slices.SelectMany(slice => slice.Runs.Select(run => (slice.Slice, run))))
        {
            Assert.InRange(run.FirstCell + run.TileCount, 1, layout.CellsPerPage);
            Assert.InRange(run.Page, 0, layout.PageCount - 1);
            for (var i = 0; i < run.TileCount; i++)
            {
                Assert.True(places.Add((run.Page, run.FirstCell + i)), "Two cells in one place.");
                Assert.True(tiles.Add((slice, run.Matrix, run.RankBlock, run.FirstTile + i)), "A cell in two places.");
            }
        }

        var blocks = (rank + 7) / 8;
        var expected = slices.Sum(slice => blocks * (((slice.InputWidth + 63) / 64) + ((slice.OutputWidth + 63) / 64)));
        Assert.Equal(expected, tiles.Count);
        Assert.Equal(expected, layout.CellCount);
    }

    /// <summary>A run is cut only where it is longer than a page.</summary>
    [Fact]
    public void Create_RunFitsAPage_IsNotCut()
    {
        var slices = Slices(hidden: 1024, intermediate: 2048, query: 1024, keyValue: 256, layers: 1);
        var layout = AdapterLayout.Create(slices, slices.Select(slice => (slice.Index, 24)), 32 * 1024);
        Assert.All(layout.Slices, slice => Assert.Equal(2 * slice.RankBlocks, slice.Runs.Count));
    }

    /// <summary>At most a tenth of an adapter's pages holds nothing, at rank 16 on the shape of a 135M model.</summary>
    [Fact]
    public void Waste_Rank16On135MShape_IsAtMostATenth()
    {
        var shape = new ModelShape(576, 1536, 30, 9, 3, 64, 49152);
        var slices = Slices(shape.HiddenSize, shape.IntermediateSize, shape.QueryWidth, shape.KvWidth, shape.LayerCount);
        var layout = AdapterLayout.Create(slices, slices.Select(slice => (slice.Index, 16)), shape.PageBytes);
        Assert.InRange(layout.Waste, 0, 0.1);
    }

    private static LoraSlice[] Slices(int hidden, int intermediate, int query, int keyValue, int layers) =>
    [
        .. Enumerable.Range(0, layers).SelectMany(layer => new (Projection Projection, int Input, int Offset, int Output)[]
        {
            (Projection.Query, hidden, 0, query),
            (Projection.Key, hidden, query, keyValue),
            (Projection.Value, hidden, query + keyValue, keyValue),
            (Projection.Output, query, 0, hidden),
            (Projection.Gate, hidden, 0, intermediate),
            (Projection.Up, hidden, intermediate, intermediate),
            (Projection.Down, intermediate, 0, hidden),
        }.Select((slice, i) => new LoraSlice((layer * 7) + i, layer, slice.Projection, slice.Input, slice.Offset, slice.Output))),
    ];
}
