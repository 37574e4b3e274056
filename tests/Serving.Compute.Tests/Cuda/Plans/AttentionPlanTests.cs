using Serving.Compute.Cuda.Plans;
using Serving.Compute.Programs;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Cuda.Plans;

public sealed class AttentionPlanTests
{
    private static readonly StepLimits Limits = new(1024, 64, 64, 8192);

    /// <summary>Every (row, split up to its ordinal) is in exactly one item, reads the row's own tokens, and goes to a state of its own or is merged in place.</summary>
    [Theory]
    [InlineData(1, 10_000)]
    [InlineData(4, 10_000)]
    [InlineData(7, 10_000)]
    [InlineData(4, 20)]
    [InlineData(4, 0)]
    public void Build_MixedStep_CoversEverySplitOnce(int group, int stateCapacity)
    {
        var inputs = new StepInputs();
        Add(inputs, 0, 5);
        Add(inputs, 1300, 1);
        Add(inputs, 511, 1);
        Add(inputs, 512, 1);
        Add(inputs, 700, 300);
        Add(inputs, 2000, 3);
        for (var i = 0; i < 9; i++)
        {
            Add(inputs, 1100 + (i * 60), 1, sharedEntries: 64);
        }

        var plan = Plan(group, stateCapacity);
        plan.Build(inputs);
        AssertCovers(inputs, plan, group);
        Assert.True(plan.Items.Length <= AttentionPlan.Capacity(Limits));
        Assert.True(plan.StateCount <= stateCapacity);
    }

    /// <summary>Single rows that begin with the same pages are packed for the splits that lie in these pages whole.</summary>
    [Fact]
    public void Build_SharedPages_PacksRowsSideBySide()
    {
        var inputs = new StepInputs();
        for (var i = 0; i < 40; i++)
        {
            Add(inputs, 1100 + i, 1, sharedEntries: 64);
        }

        var plan = Plan(4, 10_000);
        plan.Build(inputs);
        AssertCovers(inputs, plan, 4);
        Assert.Equal(2 * 2, plan.Prefill.Count);
        Assert.Equal(32, plan.Items[plan.Prefill.First].RowCount);
        Assert.Equal(40, plan.Decode.Count);
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
            Add(inputs, 1100, 1, sharedEntries);
        }

        var plan = Plan(4, 10_000);
        plan.Build(inputs);
        Assert.Equal(0, plan.Prefill.Count);
        AssertCovers(inputs, plan, 4);
    }

    private static AttentionPlan Plan(int group, int stateCapacity) => new(new ModelShape(64, 64, 1, 2 * group, 2, 64, 100), Limits, stateCapacity);

    /// <summary>Adds a sequence whose first entries are pages 0, 1, … that others have too, and whose further ones are its own.</summary>
    private static void Add(StepInputs inputs, int firstOrdinal, int rows, int sharedEntries = 0)
    {
        inputs.AddSequence(new()
        {
            FirstRow = inputs.RowCount,
            RowCount = rows,
            FirstOrdinal = firstOrdinal,
            FirstEntry = inputs.EntryCount,
            EntryCount = (firstOrdinal + rows + 15) / 16,
        });
        for (var token = 0; token < firstOrdinal + rows; token += 16)
        {
            var page = token / 16 < sharedEntries ? token / 16 : 1000 + inputs.EntryCount;
            inputs.AddEntry(page, Math.Min(16, firstOrdinal + rows - token));
        }

        for (var row = 0; row < rows; row++)
        {
            inputs.AddRow(0, 0, 0, 0);
        }
    }

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
            foreach (var row in plan.RowList.Slice(item.FirstRow, item.RowCount))
            {
                var sequence = inputs.Sequences[sequenceOf[row]];
                Assert.Equal(sequence.FirstOrdinal + row - sequence.FirstRow, plan.RowOrdinals[row]);
                var last = plan.RowOrdinals[row] / AttentionPlan.Split;
                Assert.Equal(item.Partial != 0, plan.RowPartials[row] >= 0);
                Assert.True(item.Partial != 0 || (item.FirstSplit == 0 && item.SplitCount > last));
                for (var split = item.FirstSplit; split < item.FirstSplit + item.SplitCount && split <= last; split++)
                {
                    Assert.True(seen.Add((row, split)), $"row {row}, split {split} twice");
                    Assert.True(item.Partial == 0 || states.Add(plan.RowPartials[row] + split));
                    AssertReadsOwnTokens(inputs, item.FirstToken / 16, sequence, split);
                }
            }
        }

        Assert.Equal(plan.RowOrdinals.ToArray().Sum(ordinal => (ordinal / AttentionPlan.Split) + 1), seen.Count);
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
