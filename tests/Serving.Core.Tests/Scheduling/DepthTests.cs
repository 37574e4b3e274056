using Serving.Core.Requests;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class DepthTests
{
    [Fact]
    public void Schedule_PlanBeforeInFlight_NamesItsOutputAsToken()
    {
        var harness = new SchedulerHarness().Submit(Request(1, 10, 5), Request(2, 11, 5));
        harness.Launch();
        var plan = harness.Launch()!;
        Assert.Equal([~0, ~1], plan.TokenIds.ToArray());
        Assert.Equal([10, 11], plan.Positions.ToArray());
        Assert.Equal([1, 1], plan.Outputs.ToArray().Select(output => output.OutputIndex));
        Assert.Throws<InvalidOperationException>(() => harness.Scheduler.Schedule(9));
    }

    [Fact]
    public void Schedule_LastTokenPending_DoesNotRunAheadOfIt()
    {
        var harness = new SchedulerHarness().Submit(Request(1, 10, 1));
        harness.Launch();
        Assert.Null(harness.Launch());
        harness.Land();
        Assert.Equal(FinishReason.Length, harness.Ends[(1, 0)].Reason);
        Assert.Equal(0, harness.Scheduler.State.Marks.Discarded);
    }

    /// <summary>One plan per token, as for everyone: penalties count the pending token where it is sampled.</summary>
    [Fact]
    public void Schedule_UnderPenalties_HasARowInEveryPlan()
    {
        const int Tokens = 30;
        var request = Request(1, 10, Tokens);
        var harness = new SchedulerHarness().Submit(request with { Sampling = request.Sampling with { PresencePenalty = 1 } }, Request(2, 10, 2 * Tokens));
        var plans = 0;
        while (!harness.Ends.ContainsKey((1, 0)))
        {
            plans += harness.Step(depth: 1) ? 1 : 0;
        }

        Assert.Equal(Tokens + 1, plans); // The last one was made before its last token was known.
    }

    [Fact]
    public void Cancel_PagesNamedByAPlanInFlight_AreHeldBackUntilItsEnd()
    {
        var harness = new SchedulerHarness(Small with { PrefixCaching = false }).Submit(Request(1, 30, 5));
        harness.Launch();
        harness.Scheduler.Cancel(new RequestId(1));
        Assert.Equal(Small.PageCount - 2, harness.Scheduler.Snapshot().FreePages);
        harness.Land();
        Assert.Equal(Small.PageCount, harness.Scheduler.Snapshot().FreePages);
    }

    [Fact]
    public void RunToEnd_BothDepths_GiveTheSame()
    {
        var requests = Enumerable.Range(1, 12).Select(i => Request(i, 7 * i, 10 + i, adapter: Adapter(i % 3), seed: 1 + (i % 3)) with { Choices = 1 + (i % 3) }).ToArray();
        var plain = new SchedulerHarness(Small with { PageCount = 40 }).Submit(requests).RunToEnd();
        var ahead = new SchedulerHarness(Small with { PageCount = 40 }).Submit(requests).RunToEnd(depth: 1);
        Assert.Equal(plain.Outputs.OrderBy(output => output.Key).Select(output => string.Join(',', output.Value)), ahead.Outputs.OrderBy(output => output.Key).Select(output => string.Join(',', output.Value)));
    }
}
