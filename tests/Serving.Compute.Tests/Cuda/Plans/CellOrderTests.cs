using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;
using Serving.Compute.Tests.Programs;

namespace Serving.Compute.Tests.Cuda.Plans;

/// <summary>The order inside a cell is that of the tensor-core operands that params.h draws.</summary>
public sealed class CellOrderTests
{
    /// <summary>Lane 4g + t takes 16 bytes of each half: rank g, columns 8t … 8t + 7 of A; ranks 2t, 2t + 1 of columns 8g + 4v … + 3 of B.</summary>
    [Fact]
    public void OffsetOf_EveryLane_TakesItsFragment()
    {
        var shrink = new HashSet<int>();
        var expand = new HashSet<int>();
        for (var half = 0; half < 2; half++)
        {
            for (var lane = 0; lane < 32; lane++)
            {
                var (g, t) = (lane / 4, lane % 4);
                for (var i = 0; i < 8; i++)
                {
                    var offset = (((half * 32) + lane) * 8) + i;
                    Assert.Equal(offset, CellOrder.OffsetOf(CellMatrix.Shrink, g, (half * 32) + (8 * t) + i));
                    Assert.Equal(offset, CellOrder.OffsetOf(CellMatrix.Expand, (2 * t) + (i % 2), (8 * g) + (4 * half) + (i / 2)));
                    shrink.Add(offset);
                    expand.Add(offset);
                }
            }
        }

        Assert.Equal(CellOrder.CellElements, shrink.Count);
        Assert.Equal(CellOrder.CellElements, expand.Count);
    }

    [Theory]
    [InlineData(1, 64, 64)]
    [InlineData(13, 100, 70)]
    [InlineData(64, 40, 33)]
    [InlineData(16, 128, 192)]
    public void Fill_AnyRankAndWidth_HoldsTheMatricesAndZeros(int rank, int inputs, int outputs)
    {
        var random = new Random(rank);
        LoraSlice[] slices = [new(0, 0, Projection.Query, inputs, 0, outputs)];
        var slice = new AdapterSlice(0, rank, 1, TestProgram.Normal(random, rank * inputs, 1), TestProgram.Normal(random, outputs * rank, 1));
        var layout = AdapterLayout.Create(slices, [(0, rank)], 8192);
        foreach (var run in layout.Slices[0].Runs)
        {
            var isShrink = run.Matrix == CellMatrix.Shrink;
            var width = isShrink ? inputs : outputs;
            var cells = new ushort[run.TileCount * CellOrder.CellElements];
            cells.AsSpan().Fill(0xFFFF);
            CellOrder.Fill(run, slice, width, cells);
            for (var c = 0; c < run.TileCount * AdapterLayout.CellColumns; c++)
            {
                for (var r = 0; r < AdapterLayout.CellRanks; r++)
                {
                    var (row, column) = ((run.RankBlock * AdapterLayout.CellRanks) + r, (run.FirstTile * AdapterLayout.CellColumns) + c);
                    var inside = row < rank && column < width;
                    var expected = !inside ? (ushort)0 : isShrink ? slice.A.Span[(row * inputs) + column] : slice.B.Span[(column * rank) + row];
                    Assert.Equal(expected, cells[(c / 64 * CellOrder.CellElements) + CellOrder.OffsetOf(run.Matrix, r, c % 64)]);
                }
            }
        }
    }
}
