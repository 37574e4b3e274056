using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class PreemptionTests
{
    [Fact]
    public void Schedule_PagesRunOut_TakesThemFromTheNewestOfTheTenantWithMost()
    {
        // Tenant a holds more: its newest sequence goes, although tenant b's is newer.
        var harness = new SchedulerHarness(Small with { PageCount = 7, PrefixCaching = false });
        harness.Submit(Request(1, 4, 60, Tenant("b")), Request(2, 30, 60, Tenant("a")), Request(3, 30, 60, Tenant("a")), Request(4, 4, 60, Tenant("b")));
        var preempted = new List<long>();
        while (preempted.Count == 0)
        {
            harness.Step();
            preempted.AddRange(harness.Scheduler.State.Requests.Values.Where(request => request.Choices[0].Sequence.Status == SequenceStatus.Preempted).Select(request => request.Request.Id.Value));
        }

        Assert.Equal([3L], preempted);
        harness.RunToEnd();
        Assert.Equal(4, harness.Ends.Count);
    }

    [Fact]
    public void SelectVictim_WeightsDiffer_TheTenantFurthestOverItsShare()
    {
        var harness = new SchedulerHarness(Small with { MaxBatchedTokens = 128 });
        harness.Submit(Request(1, 40, 9, Tenant("a", weight: 4)), Request(2, 40, 9, Tenant("b", weight: 1)), Request(3, 40, 9, Tenant("a", weight: 4)));
        harness.Step();
        var preemption = new Preemption(harness.Scheduler.State);
        Assert.Equal(2, preemption.SelectVictim(harness.Scheduler.State.Running[0])!.Request.Request.Id.Value);
    }

    [Fact]
    public void SelectVictim_OneRuns_IsNobody()
    {
        var harness = new SchedulerHarness().Submit(Request(1));
        harness.Step();
        Assert.Null(new Preemption(harness.Scheduler.State).SelectVictim(harness.Scheduler.State.Running[0]));
    }

    [Fact]
    public void SelectVictim_PreemptedTooOften_OnlyForAnOlderOne()
    {
        var harness = new SchedulerHarness().Submit(Request(1, 4, 40), Request(2, 4, 40), Request(3, 4, 40));
        harness.Step();
        var running = harness.Scheduler.State.Running;
        running[1].Preemptions = Preemption.MaxPreemptions;
        running[2].Preemptions = Preemption.MaxPreemptions;
        var preemption = new Preemption(harness.Scheduler.State);
        Assert.Same(running[2], preemption.SelectVictim(running[0]));
        Assert.Same(running[2], preemption.SelectVictim(running[2]));
        running.RemoveAt(2);
        Assert.Same(running[1], preemption.SelectVictim(running[0]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void RunToEnd_ForcedAtEveryStep_AnswersStayAndTheOldestIsSpared(int depth)
    {
        var options = Small with { Faults = new SchedulerFaults { PreemptNow = static () => true } };
        var requests = Enumerable.Range(1, 6).Select(i => Request(i, 15, 12, Tenant(i % 2 == 0 ? "a" : "b"), Adapter(i % 3))).ToArray();
        var harness = new SchedulerHarness(options).Submit(requests).RunToEnd(depth);
        Assert.All(requests, request => Assert.Equal(Alone(request), harness.Outputs[(request.Id.Value, 0)]));
        Assert.Equal((1L, 0), harness.EndOrder[0]);
        Assert.Equal(depth > 0, harness.Scheduler.State.Marks.PreemptedInFlight > 0);
    }

    [Fact]
    public void Cancel_Preempted_EndsIt()
    {
        var harness = new SchedulerHarness(Small with { PageCount = 6 }).Submit(Request(1, 30, 60), Request(2, 30, 60));
        while (harness.Scheduler.Snapshot().Preemptions == 0)
        {
            harness.Step();
        }

        Assert.True(harness.Scheduler.Cancel(new RequestId(2)));
        Assert.Equal(FinishReason.Cancelled, harness.Ends[(2, 0)].Reason);
        harness.RunToEnd();
    }
}
