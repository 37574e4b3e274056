using Serving.Compute.Adapters;
using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;

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

    /// <summary>Ranks and widths at, just below and just above whole cells, columns that are turned over together, and reads of 8 ranks that would leave the matrix.</summary>
    [Theory]
    [InlineData(1, 64, 64)]
    [InlineData(1, 3, 5)]
    [InlineData(7, 65, 63)]
    [InlineData(8, 64, 64)]
    [InlineData(8, 97, 99)]
    [InlineData(9, 32, 31)]
    [InlineData(13, 100, 70)]
    [InlineData(16, 128, 192)]
    [InlineData(64, 40, 33)]
    [InlineData(255, 130, 129)]
    public void Fill_AnyRankAndWidth_HoldsTheMatricesAndZeros(int rank, int inputs, int outputs) => CheckFill(new Random(rank), rank, inputs, outputs);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Fill_ManyShapes_HoldsTheMatricesAndZeros(int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < 60; i++)
        {
            CheckFill(random, random.Next(1, 41), random.Next(1, 300), random.Next(1, 300));
        }
    }

    /// <summary>Every run of an adapter, and parts of it, beside the definition; what stands before and behind a run stays.</summary>
    private static void CheckFill(Random random, int rank, int inputs, int outputs)
    {
        const ushort Guard = 0xABCD;
        LoraSlice[] slices = [new(0, 0, Projection.Query, inputs, 0, outputs)];
        var slice = new AdapterSlice(0, rank, 1, Matrix(random, rank * inputs), Matrix(random, outputs * rank));
        foreach (var whole in AdapterLayout.Create(slices, [(0, rank)], 8192).Slices[0].Runs)
        {
            var skipped = random.Next(whole.TileCount);
            foreach (var run in new[] { whole, whole with { FirstTile = whole.FirstTile + skipped, TileCount = random.Next(1, whole.TileCount - skipped + 1) } })
            {
                var cells = new ushort[((run.TileCount + 1) * CellOrder.CellElements) + 1];
                cells.AsSpan().Fill(Guard);
                CellOrder.Fill(run, slice, run.Matrix == CellMatrix.Shrink ? inputs : outputs, cells.AsSpan(1));
                var filled = run.TileCount * CellOrder.CellElements;
                Assert.Equal(Expected(run, slice, inputs, outputs), cells[1..(1 + filled)]);
                Assert.Equal(Guard, cells[0]);
                Assert.All(cells[(1 + filled)..], value => Assert.Equal(Guard, value));
            }
        }
    }

    /// <summary>The definition, element by element.</summary>
    private static ushort[] Expected(CellRun run, AdapterSlice slice, int inputs, int outputs)
    {
        var isShrink = run.Matrix == CellMatrix.Shrink;
        var cells = new ushort[run.TileCount * CellOrder.CellElements];
        for (var c = 0; c < run.TileCount * AdapterLayout.CellColumns; c++)
        {
            for (var r = 0; r < AdapterLayout.CellRanks; r++)
            {
                var (row, column) = ((run.RankBlock * AdapterLayout.CellRanks) + r, (run.FirstTile * AdapterLayout.CellColumns) + c);
                if (row < slice.Rank && column < (isShrink ? inputs : outputs))
                {
                    var at = (c / AdapterLayout.CellColumns * CellOrder.CellElements) + CellOrder.OffsetOf(run.Matrix, r, c % AdapterLayout.CellColumns);
                    cells[at] = isShrink ? slice.A.Span[(row * inputs) + column] : slice.B.Span[(column * slice.Rank) + row];
                }
            }
        }

        return cells;
    }

    /// <summary>A matrix in the middle of memory that holds something else.</summary>
    private static ReadOnlyMemory<ushort> Matrix(Random random, int length)
    {
        var memory = new ushort[length + 16];
        for (var i = 0; i < memory.Length; i++)
        {
            memory[i] = (ushort)random.Next(1, 0x10000);
        }

        return memory.AsMemory(7, length);
    }
}
