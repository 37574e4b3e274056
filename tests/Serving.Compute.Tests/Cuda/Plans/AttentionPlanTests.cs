using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Cuda.Plans;

public sealed class AttentionPlanTests
{
    private static readonly StepLimits Limits = new(1024, 64, 64, 8192);

    /// <summary>
    /// Every (row, split of which it sees something) is in exactly one item, reads the row's own tokens, and goes to a state of its own or is merged in place. Items begin in the tile of the
    /// first token that one of their rows sees.
    /// </summary>
    [Theory]
    [InlineData(4, 10_000, 1, 1)]
    [InlineData(4, 10_000, null, 128)]
    [InlineData(1, 10_000, 1, 700)]
    [InlineData(4, 10_000, 1, 1400)]
    [InlineData(4, 0, 1, 513)]
    [InlineData(1, 10_000, null)]
    [InlineData(4, 10_000, null)]
    [InlineData(7, 10_000, null)]
    [InlineData(4, 10_000, 1)]
    [InlineData(4, 10_000, 2)]
    [InlineData(4, 10_000, 3)]
    [InlineData(4, 10_000, AttentionShares.Whole)]
    [InlineData(4, 20, 1)]
    [InlineData(4, 0, 1)]
    [InlineData(4, 0, null)]
    public void Build_MixedStep_CoversEverySplitOnce(int group, int stateCapacity, int? pieces, int window = 0)
    {
        var inputs = new StepInputs();
        AttentionSteps.Add(inputs, 0, 5);
        AttentionSteps.Add(inputs, 1300, 1);
        AttentionSteps.Add(inputs, 511, 1);
        AttentionSteps.Add(inputs, 512, 1);
        AttentionSteps.Add(inputs, 700, 300);
        AttentionSteps.Add(inputs, 2000, 3);
        for (var i = 0; i < 9; i++)
        {
            AttentionSteps.Add(inputs, 1100 + (i * 60), 1, sharedEntries: 64);
        }

        var plan = Plan(group, stateCapacity, pieces, window);
        plan.Build(inputs);
        AssertCovers(inputs, plan, group);
        Assert.True(plan.Items.Length <= AttentionPlan.Capacity(Limits, window));
        Assert.True(plan.StateCount <= stateCapacity);
        Assert.All(plan.Items[..plan.Decode.Count].ToArray(), item => Assert.True(item.Partial == 0 || item.SplitCount <= (pieces ?? AttentionShares.Whole)));
    }

    /// <summary>Items of few rows come in falling length, whatever order sequences have; a plan of the step after is not that of the step before.</summary>
    [Fact]
    public void Build_StepAfterStep_OrdersByLength()
    {
        var plan = Plan(4, 10_000);
        foreach (var contexts in new int[][] { [70, 4000, 1, 600, 8000, 64, 65], [130, 3000, 2000] })
        {
            var inputs = AttentionSteps.Decode(contexts);
            plan.Build(inputs);
            AssertCovers(inputs, plan, 4);
            var lengths = plan.Items.ToArray().Select(item => LongestFirst.TilesOf(item)).ToArray();
            Assert.Equal(lengths.OrderDescending(), lengths);
            Assert.Equal(contexts.Sum(context => (context + 63) / 64), lengths.Sum());
        }
    }

    /// <summary>Single rows that begin with the same pages are packed for the splits that lie in these pages whole.</summary>
    [Fact]
    public void Build_SharedPages_PacksRowsSideBySide()
    {
        var inputs = new StepInputs();
        for (var i = 0; i < 40; i++)
        {
            AttentionSteps.Add(inputs, 1100 + i, 1, sharedEntries: 64);
        }

        var plan = Plan(4, 10_000);
        plan.Build(inputs);
        AssertCovers(inputs, plan, 4);
        Assert.Equal(2 * 2, plan.Prefill.Count);
        Assert.Equal(32, plan.Items[plan.Prefill.First].RowCount);
        Assert.Equal(40, plan.Decode.Count);
    }

    /// <summary>A window makes long contexts short, so that there is nothing to cut, and shared pages are packed for the rows alone that see all of them.</summary>
    [Theory]
    [InlineData(128, 0, 0)]
    [InlineData(1120, 21, 2)]
    public void Build_Window_GivesOutWhatIsSeen(int window, int packed, int packedItems)
    {
        var inputs = new StepInputs();
        for (var i = 0; i < 40; i++)
        {
            AttentionSteps.Add(inputs, 1099 + i, 1, sharedEntries: 64);
        }

        AttentionSteps.Add(inputs, 8000, 1);
        var plan = Plan(4, 10_000, AttentionShares.Whole, window);
        plan.Build(inputs);
        AssertCovers(inputs, plan, 4);
        Assert.Equal(packedItems, plan.Prefill.Count);
        Assert.Equal(packed, plan.RowPartials.ToArray().Count(state => state >= 0));
        Assert.True(plan.Items[..plan.Decode.Count].ToArray().Max(item => LongestFirst.TilesOf(item)) <= ((window + 62) / 64) + 1);
    }

    /// <summary>Three are not worth it, and neither is a shared part shorter than a split.</summary>
    [Theory]
    [InlineData(3, 64)]
    [InlineData(9, 31)]
    public void Build_LittleShared_PacksNothing(int sequences, int sharedEntries)
    {
        var inputs = new StepInputs();
        for (var i = 0; i < sequences; i++)
        {
            AttentionSteps.Add(inputs, 1100, 1, sharedEntries);
        }

        var plan = Plan(4, 10_000);
        plan.Build(inputs);
        Assert.Equal(0, plan.Prefill.Count);
        AssertCovers(inputs, plan, 4);
    }

    private static AttentionPlan Plan(int group, int stateCapacity, int? pieces = null, int window = 0) =>
        AttentionSteps.Plan(Limits, group, kvHeads: 2, blocks: 264, stateCapacity, pieces, window);

    private static int OldestOf(AttentionPlan plan, int row) => plan.Window == 0 ? 0 : Math.Max(0, plan.RowOrdinals[row] + 1 - plan.Window);

    private static void AssertCovers(StepInputs inputs, AttentionPlan plan, int group)
    {
        var sequenceOf = new int[inputs.RowCount];
        for (var i = 0; i < inputs.SequenceCount; i++)
        {
            sequenceOf.AsSpan(inputs.Sequences[i].FirstRow, inputs.Sequences[i].RowCount).Fill(i);
        }

        var seen = new HashSet<(int Row, int Split)>();
        var states = new HashSet<int>();
        for (var i = 0; i < plan.Items.Length; i++)
        {
            var item = plan.Items[i];
            Assert.InRange(item.RowCount * group, 1, i < plan.Decode.Count ? AttentionPlan.DecodeRows : AttentionPlan.PrefillRows);
            Assert.Equal(plan.RowList.Slice(item.FirstRow, item.RowCount).ToArray().Max(row => inputs.Sequences[sequenceOf[row]].FirstOrdinal + row - inputs.Sequences[sequenceOf[row]].FirstRow), item.LastOrdinal);
            var oldest = plan.RowList.Slice(item.FirstRow, item.RowCount).ToArray().Min(row => OldestOf(plan, row));
            Assert.Equal(Math.Max(item.FirstSplit * AttentionPlan.Split, oldest / 64 * 64), item.BeginOrdinal);
            Assert.InRange(LongestFirst.TilesOf(item), 1, item.SplitCount * AttentionPlan.Split / 64);
            foreach (var row in plan.RowList.Slice(item.FirstRow, item.RowCount))
            {
                var sequence = inputs.Sequences[sequenceOf[row]];
                Assert.Equal(sequence.FirstOrdinal + row - sequence.FirstRow, plan.RowOrdinals[row]);
                var last = plan.RowOrdinals[row] / AttentionPlan.Split;
                Assert.Equal(item.Partial != 0, plan.RowPartials[row] >= 0);
                var begin = OldestOf(plan, row) / AttentionPlan.Split;
                Assert.True(item.Partial != 0 || (item.FirstSplit <= begin && item.FirstSplit + item.SplitCount > last));
                for (var split = Math.Max(item.FirstSplit, begin); split < item.FirstSplit + item.SplitCount && split <= last; split++)
                {
                    Assert.True(seen.Add((row, split)), $"row {row}, split {split} twice");
                    Assert.True(item.Partial == 0 || states.Add(plan.RowPartials[row] + split));
                    AssertReadsOwnTokens(inputs, item.FirstToken / 16, sequence, split);
                }
            }
        }

        Assert.Equal(Enumerable.Range(0, inputs.RowCount).Sum(row => (plan.RowOrdinals[row] / AttentionPlan.Split) - (OldestOf(plan, row) / AttentionPlan.Split) + 1), seen.Count);
        Assert.All(states, state => Assert.InRange(state, 0, plan.StateCount - 1));
    }

    private static void AssertReadsOwnTokens(StepInputs inputs, int firstEntry, in StepSequence sequence, int split)
    {
        for (var entry = split * AttentionPlan.Split / 16; entry < Math.Min((split + 1) * AttentionPlan.Split / 16, sequence.EntryCount); entry++)
        {
            Assert.Equal(inputs.Entries[sequence.FirstEntry + entry].Page, inputs.Entries[firstEntry + entry].Page);
        }
    }
}
