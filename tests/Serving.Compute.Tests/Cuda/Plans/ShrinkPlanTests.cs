using Serving.Compute.Cuda.Kernels;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Cuda.Plans;

public sealed class ShrinkPlanTests
{
    private const int Slices = 6;

    private static readonly ShrinkSite[] Sites = [new(0, 2, 100), new(2, 1, 2100), new(3, 2, 1000), new(5, 1, 3000)];

    /// <summary>Rank blocks by slot; sites 0 and 2 have equal ranks in slots 0 and 1, not in slot 2.</summary>
    private static readonly byte[] RankBlocks = [1, 2, 3, 1, 2, 0, 0, 5, 1, 0, 5, 7, 4, 4, 4, 3, 4, 1];

    /// <summary>Every (row with an adapter, slice, rank pair, chunk) is in exactly one item, and no item is idle.</summary>
    [Fact]
    public void Build_MixedRanks_CoversEveryUnitOnce()
    {
        var (tiles, plan) = Build((0, 70), (-1, 3), (2, 1), (1, 64), (-1, 1));
        for (var site = 0; site < Sites.Length; site++)
        {
            var seen = new HashSet<(int Row, int Slice, int Pair, int Chunk)>();
            foreach (var item in plan.Items.Slice(plan.Ranges[site].First, plan.Ranges[site].Count))
            {
                for (var row = item.FirstRow; row < item.FirstRow + item.RowCount; row++)
                {
                    Assert.Equal(tiles.Slots[row], item.Slot);
                    Assert.True(seen.Add((row, item.Slice, item.RankPair, item.Chunk)));
                }
            }

            var expected = 0;
            for (var row = 0; row < tiles.RowCount; row++)
            {
                for (var slice = 0; tiles.Slots[row] >= 0 && slice < Sites[site].SliceCount; slice++)
                {
                    var blocks = RankBlocks[(tiles.Slots[row] * Slices) + Sites[site].FirstSlice + slice];
                    for (var unit = 0; unit < (blocks + 1) / 2 * Sites[site].Chunks; unit++)
                    {
                        Assert.Contains((row, slice, unit / Sites[site].Chunks, unit % Sites[site].Chunks), seen);
                        expected++;
                    }
                }
            }

            Assert.Equal(expected, seen.Count);
        }

        Assert.True(plan.Items.Length <= ShrinkPlan.Capacity(Sites, tiles.TileCount, 56));
    }

    /// <summary>Linears share a list where the adapters of the step, and only they, have equal ranks.</summary>
    [Fact]
    public void Build_EqualRanks_ShareOneList()
    {
        var (_, plan) = Build((0, 2), (1, 2));
        Assert.Equal(plan.Ranges[0].First, plan.Ranges[2].First);
        Assert.NotEqual(plan.Ranges[1].First, plan.Ranges[3].First);
        (_, plan) = Build((0, 2), (2, 2));
        Assert.NotEqual(plan.Ranges[0].First, plan.Ranges[2].First);
    }

    [Fact]
    public void Build_BaseModelOnly_IsEmpty()
    {
        var (_, plan) = Build((-1, 5));
        Assert.All(plan.Ranges.ToArray(), range => Assert.Equal(0, range.Count));
    }

    [Fact]
    public void RowTiles_AnySegments_CoverTheRowsInOrder()
    {
        var (tiles, _) = Build((0, 70), (-1, 130), (2, 1));
        AssertCover(tiles, tiles.Tiles, 64);
        AssertCover(tiles, tiles.Ends, 16);
    }

    /// <summary>A decoding batch of one adapter is cut small for the ends, so that it fills the device, and stays whole for the shrink, which then reads A once.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(32, 8)]
    [InlineData(64, 16)]
    [InlineData(200, 13)]
    [InlineData(256, 16)]
    public void RowTiles_OneSlot_AreAsSmallAsTheStepNeeds(int rows, int ends)
    {
        var (tiles, _) = Build((0, rows));
        Assert.Equal((rows + 63) / 64, tiles.TileCount);
        Assert.Equal(ends, tiles.EndCount);
        Assert.Equal(ends, RowTiles.EndsOf(rows));
        AssertCover(tiles, tiles.Ends, 64);
    }

    private static void AssertCover(RowTiles rows, ReadOnlySpan<RowTile> tiles, int mostRows)
    {
        var row = 0;
        foreach (var tile in tiles)
        {
            Assert.Equal(row, tile.FirstRow);
            Assert.InRange(tile.RowCount, 1, mostRows);
            Assert.All(rows.Slots.Slice(tile.FirstRow, tile.RowCount).ToArray(), slot => Assert.Equal(tile.Slot, slot));
            row += tile.RowCount;
        }

        Assert.Equal(rows.RowCount, row);
    }

    private static (RowTiles Tiles, ShrinkPlan Plan) Build(params (int Slot, int Rows)[] segments)
    {
        var inputs = new StepInputs();
        foreach (var (slot, rows) in segments)
        {
            inputs.AddSegment(inputs.RowCount, rows, slot);
            for (var i = 0; i < rows; i++)
            {
                inputs.AddRow(0, 0, 0, 0);
            }
        }

        var tiles = new RowTiles(new StepLimits(256, 16, 16, 64));
        tiles.Build(inputs);
        var plan = new ShrinkPlan(Sites);
        plan.Build(tiles.Tiles, RankBlocks, Slices);
        return (tiles, plan);
    }
}
