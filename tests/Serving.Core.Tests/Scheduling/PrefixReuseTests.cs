using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class PrefixReuseTests
{
    [Theory]
    [InlineData(16, 0)]
    [InlineData(17, 16)]
    [InlineData(50, 48)]
    public void Schedule_SamePromptAgain_ComputesOnlyWhatNoFullPageHolds(int prompt, int cached)
    {
        var harness = new SchedulerHarness(Small with { MaxBatchedTokens = 64 }).Submit(Request(1, prompt, 1)).RunToEnd();
        harness.Submit(Request(2, prompt, 1, seed: 1));
        var plan = harness.Launch()!;
        Assert.Equal(prompt - cached, plan.RowCount);
        Assert.Equal(cached, plan.Sequences[0].Sequence.CachedCount);
        Assert.Equal(cached, plan.Sequences[0].FirstOrdinal);
        harness.Land();
        Assert.Equal((2L * prompt, (long)cached), (harness.Scheduler.Snapshot().PrefixQueries, harness.Scheduler.Snapshot().PrefixHits));
    }

    [Fact]
    public void Schedule_GeneratedPages_AreFoundByTheNextTurn()
    {
        var harness = new SchedulerHarness(Small with { MaxBatchedTokens = 128 }).Submit(Request(1, 10, 30)).RunToEnd();
        var first = Request(1, 10, 30);
        harness.Submit(first with { Id = new RequestId(2), Prompt = [.. first.Prompt, .. harness.Outputs[(1, 0)]] });
        Assert.Equal(32, harness.Launch()!.Sequences[0].Sequence.CachedCount);
    }

    [Theory]
    [InlineData("b", 0)]
    [InlineData("a", 1)]
    public void Schedule_OtherTenantOrAdapter_FindsNothing(string tenant, int adapter)
    {
        var harness = new SchedulerHarness().Submit(Request(1, 30, 1)).RunToEnd();
        harness.Submit(Request(2, 30, 1, Tenant(tenant), adapter == 0 ? null : Adapter(adapter), seed: 1)).RunToEnd();
        Assert.Equal(0, harness.Scheduler.Snapshot().PrefixHits);
    }

    [Fact]
    public void Complete_TwoOfTheSameAtOnce_ShareOnePageAfterSealing()
    {
        var harness = new SchedulerHarness(Small with { MaxBatchedTokens = 128 }).Submit(Request(1, 40, 20), Request(2, 40, 20, seed: 1));
        harness.Step();
        Assert.Equal(2, harness.Scheduler.State.Marks.Duplicates);
        var plan = harness.Launch()!;
        Assert.Equal(plan.Pages[0], plan.Pages[plan.Sequences[1].FirstPage]);
        harness.Land();
        harness.RunToEnd();
        Assert.Equal(harness.Outputs[(1, 0)], harness.Outputs[(2, 0)]);
    }

    [Fact]
    public void Complete_EveryKeyCollides_AnswersStay()
    {
        var harness = new SchedulerHarness(Small with { Faults = new SchedulerFaults { CollideKeys = true } });
        for (var i = 1; i <= 10; i++)
        {
            harness.Submit(Request(i, 40, 10)).RunToEnd();
            Assert.Equal(Alone(Request(i, 40, 10)), harness.Outputs[(i, 0)]);
        }

        Assert.True(harness.Scheduler.State.Marks.Collisions > 0);
    }
}
