using Serving.Compute.Cuda.Plans;
using Serving.Compute.Steps;

namespace Serving.Compute.Tests.Cuda.Plans;

/// <summary>
/// How plans keep the 264 resident blocks of an H200 busy. The blocks' loads are added up here as the kernel takes units: in turns, every second one from the last block to
/// the first. All in tiles of 64 tokens, a unit's ramp being one.
/// </summary>
public sealed class AttentionSharesTests
{
    private const int Blocks = 264;
    private const int Group = 4;

    private static readonly StepLimits Limits = new(512, 256, 256, 131_072);

    /// <summary>64 of 4k are 1.94 waves of whole contexts: nothing to merge, two ramps for a block, and the few that have one context only do not matter.</summary>
    [Fact]
    public void Build_ManyEqualContexts_AreWhole()
    {
        var plan = Build(8, Enumerable.Repeat(4096, 64));
        Assert.Equal((64, 0), (plan.Decode.Count, plan.StateCount));
        AssertBusy(plan, 8, 1.02);
    }

    /// <summary>One block on every multiprocessor reads at twice its share.</summary>
    [Fact]
    public void Build_AContextForHalfTheBlocks_IsWhole() => Assert.Equal((16, 0), Counts(Build(8, Enumerable.Repeat(4096, 16))));

    /// <summary>One context of 16 splits has to be cut into all of them; 128 units are half of the blocks.</summary>
    [Fact]
    public void Build_OneLongContext_IsSplitBySplit() => Assert.Equal((16, 16), Counts(Build(8, 8192)));

    /// <summary>What little there is behind a first split is not worth a merge.</summary>
    [Fact]
    public void Build_FewShortContexts_AreWhole() => Assert.Equal((3, 0), Counts(Build(8, 600, 530, 90)));

    /// <summary>Few very long ones are cut into few long pieces: as many ramps as it takes to keep all blocks busy, and not one for every 512 tokens.</summary>
    [Fact]
    public void Build_FewVeryLongContexts_AreCutIntoFewPieces()
    {
        var plan = Build(8, Enumerable.Repeat(32_768, 8));
        Assert.InRange(plan.Decode.Count, 32, 64);
        AssertBusy(plan, 8, 1.04);
    }

    /// <summary>Lengths of all kinds even out over the turns.</summary>
    [Fact]
    public void Build_MixedContexts_EvenOut()
    {
        var random = new Random(5);
        AssertBusy(Build(8, Enumerable.Range(0, 200).Select(_ => random.Next(100, 8193))), 8, 1.03);
    }

    /// <summary>One that is longer than a block's share of the step is cut, and nothing else.</summary>
    [Fact]
    public void Build_OneOutgrowsItsShare_IsCutAlone()
    {
        var plan = Build(8, [100_000, .. Enumerable.Repeat(300, 63)]);
        Assert.Equal(63, plan.Items.ToArray().Count(item => item.Partial == 0));
        Assert.Equal((100_000 + 511) / 512, plan.StateCount);
        AssertBusy(plan, 8, 1.11);
    }

    /// <summary>A rank of eight has one kv head: 64 whole contexts would leave three quarters of its blocks idle.</summary>
    [Fact]
    public void Build_OneKvHead_IsCutMore()
    {
        var plan = Build(1, Enumerable.Repeat(4096, 64));
        Assert.InRange(plan.Decode.Count, 192, 320);
        AssertBusy(plan, 1, 1.26);
    }

    /// <summary>Chunks of up to four rows are items like those of one; longer ones are not the decode kernel's, but for the rows that are left over.</summary>
    [Fact]
    public void Build_ChunksOfFewRows_CountAsOne()
    {
        var inputs = new StepInputs();
        for (var i = 0; i < 64; i++)
        {
            AttentionSteps.Add(inputs, 4092, 4);
        }

        AttentionSteps.Add(inputs, 3000, 33);
        var plan = AttentionSteps.Plan(Limits, Group, 8, Blocks, 100_000);
        plan.Build(inputs);
        Assert.Equal((65, 0), Counts(plan));
        Assert.Equal(1, plan.Prefill.Count);
        AssertBusy(plan, 8, 1.02);
    }

    /// <summary>Where pages are shared there are states and a merge anyway, and what each row has for itself may be cut as finely as blocks need it.</summary>
    [Fact]
    public void Build_SharedPages_CutsTheRest()
    {
        var inputs = new StepInputs();
        for (var i = 0; i < 4; i++)
        {
            AttentionSteps.Add(inputs, 8191, 1, sharedEntries: 64);
        }

        var plan = AttentionSteps.Plan(Limits, Group, 8, Blocks, 100_000);
        plan.Build(inputs);
        Assert.Equal(2, plan.Prefill.Count);
        Assert.Equal(4 * 16, plan.StateCount);
        Assert.InRange(plan.Decode.Count, 4 * 7, 4 * 14);
        Assert.All(plan.Items.ToArray(), item => Assert.Equal(1, item.Partial));
    }

    /// <summary>Whatever the step, a plan takes no longer than whole contexts or single splits would, by much: the longest load counts, and three tiles for merging.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Build_RandomSteps_AreNoWorseThanEither(int kvHeads)
    {
        var random = new Random(kvHeads);
        for (var step = 0; step < 60; step++)
        {
            var most = 1 << random.Next(6, 17);
            int[] contexts = [.. Enumerable.Range(0, random.Next(1, 257)).Select(_ => random.Next(1, most))];
            var chosen = Time(Build(kvHeads, contexts), kvHeads);
            var either = Math.Min(Time(Build(kvHeads, contexts, AttentionShares.Whole), kvHeads), Time(Build(kvHeads, contexts, 1), kvHeads));
            Assert.True(chosen <= either * 1.0001, $"{contexts.Length} contexts below {most}: {chosen} for {either} tiles");
        }
    }

    private static (int Items, int States) Counts(AttentionPlan plan) => (plan.Decode.Count, plan.StateCount);

    private static AttentionPlan Build(int kvHeads, params IEnumerable<int> contexts) => Build(kvHeads, [.. contexts], null);

    private static AttentionPlan Build(int kvHeads, int[] contexts, int? pieces)
    {
        var plan = AttentionSteps.Plan(Limits, Group, kvHeads, Blocks, 100_000, pieces);
        plan.Build(AttentionSteps.Decode(contexts));
        return plan;
    }

    /// <summary>The step takes hardly longer than its tokens, read at the bandwidth of all blocks.</summary>
    private static void AssertBusy(AttentionPlan plan, int kvHeads, double most)
    {
        var tiles = plan.Items[..plan.Decode.Count].ToArray().Sum(item => LongestFirst.TilesOf(item)) * kvHeads;
        var ratio = Time(plan, kvHeads) / ((double)tiles / Blocks);
        Assert.True(ratio <= most, $"{ratio} of the time");
    }

    private static int[] Loads(AttentionPlan plan, int kvHeads)
    {
        var loads = new int[Blocks];
        for (var unit = 0; unit < plan.Decode.Count * kvHeads; unit++)
        {
            var at = unit % Blocks;
            loads[unit / Blocks % 2 == 0 ? at : Blocks - 1 - at] += LongestFirst.TilesOf(plan.Items[unit / kvHeads]) + 1;
        }

        return loads;
    }

    /// <summary>Tile by tile: a tile of every block that has one left, at the bandwidth of all blocks or twice a block's share each.</summary>
    private static double Time(AttentionPlan plan, int kvHeads)
    {
        var loads = Loads(plan, kvHeads);
        var time = plan.StateCount > 0 ? 3.0 : 0.0;
        for (var tile = 0; tile < loads.Max(); tile++)
        {
            time += Math.Max(0.5, loads.Count(load => load > tile) / (double)Blocks);
        }

        return time;
    }
}
