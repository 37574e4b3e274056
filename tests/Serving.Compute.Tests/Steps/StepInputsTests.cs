using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Steps;

public sealed class StepInputsTests
{
    [Fact]
    public void AddSegment_SameAdapterAgain_JoinsTheLast()
    {
        var inputs = new StepInputs();
        inputs.AddSegment(0, 3, 5);
        inputs.AddSegment(3, 4, 5);
        inputs.AddSegment(7, 1, -1);
        inputs.AddSegment(8, 2, 5);
        Assert.Equal([(0, 7, 5), (7, 1, -1), (8, 2, 5)], inputs.Segments.ToArray().Select(segment => (segment.FirstRow, segment.RowCount, segment.AdapterSlot)));
    }

    [Fact]
    public void Clear_AfterGrowth_EmptiesWithoutGivingUpRoom()
    {
        var inputs = new StepInputs();
        Fill(inputs);
        inputs.Clear();
        Assert.Equal(0, inputs.RowCount + inputs.SequenceCount + inputs.EntryCount + inputs.SegmentCount + inputs.CopyCount + inputs.OutputCount + inputs.PenaltyCount + inputs.BiasCount + inputs.MaskWordCount);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Fill(inputs);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal((99, 198, 297, 396), (inputs.TokenIds[^1], inputs.Positions[^1], inputs.AppendPages[^1], inputs.AppendSlots[^1]));
    }

    [Fact]
    public void AddMask_OneAfterTheOther_ReturnsWhereEachBegins()
    {
        var inputs = new StepInputs();
        Assert.Equal([0, 3, 4], new[] { inputs.AddMask([1, 2, 3]), inputs.AddMask([4]), inputs.AddMask([5, 6]) });
        Assert.Equal([1u, 2, 3, 4, 5, 6], inputs.Masks.ToArray());
        inputs.Clear();
        Assert.Equal(0, inputs.AddMask([7]));
        Assert.Equal([7u], inputs.Masks.ToArray());
    }

    private static void Fill(StepInputs inputs)
    {
        for (var i = 0; i < 100; i++)
        {
            inputs.AddRow(i, 2 * i, 3 * i, 4 * i);
            inputs.AddSequence(default);
            inputs.AddEntry(i, 1);
            inputs.AddSegment(i, 1, i);
            inputs.AddCopy(i, i, 1);
            inputs.AddOutput(default);
            inputs.AddPenalty(i, 1);
            inputs.AddBias(i, 1);
            inputs.AddMask([1, 2, 3]);
        }
    }
}
