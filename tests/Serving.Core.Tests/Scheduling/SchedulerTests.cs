using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class SchedulerTests
{
    [Fact]
    public void Schedule_LongPrompt_GoesInChunksUnderTheBudget()
    {
        var harness = new SchedulerHarness().Submit(Request(1, prompt: 70, maxTokens: 3));
        var rows = new List<int>();
        while (harness.Launch() is { } plan)
        {
            rows.Add(plan.RowCount);
            harness.Land();
        }

        Assert.Equal([32, 32, 6, 1, 1], rows);
        Assert.Equal(3, harness.Outputs[(1, 0)].Count);
        Assert.Equal((FinishReason.Length, null, null), harness.Ends[(1, 0)]);
    }

    [Fact]
    public void Schedule_DecodesAndLongPrompt_DecodesAreNeverStalled()
    {
        var harness = new SchedulerHarness().Submit(Request(1, prompt: 5, maxTokens: 50));
        harness.Step();
        harness.Submit(Request(2, prompt: 200, maxTokens: 1));
        for (var i = 0; i < 8; i++)
        {
            var plan = harness.Launch()!;
            Assert.Equal(1, plan.Sequences.ToArray().Single(planned => planned.Sequence.Request.Id.Value == 1).RowCount);
            Assert.True(plan.RowCount <= 32);
            harness.Land();
        }
    }

    [Fact]
    public void Schedule_NothingSubmitted_ReturnsNull() => Assert.Null(new SchedulerHarness().Launch());

    [Fact]
    public void Schedule_MixedAdapters_GroupsRowsBySlot()
    {
        var harness = new SchedulerHarness();
        for (var i = 0; i < 6; i++)
        {
            harness.Submit(Request(i, prompt: 4, adapter: i % 3 == 0 ? null : Adapter(i % 3)));
        }

        for (var i = 0; i < 3; i++)
        {
            harness.Step();
        }

        var plan = harness.Launch()!;
        var slots = plan.Sequences.ToArray().Select(planned => planned.AdapterSlot).ToArray();
        Assert.Equal(6, slots.Length);
        Assert.Equal(slots.Order(), slots);
        Assert.Equal(3, slots.Distinct().Count());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void RunToEnd_CrowdInASmallPool_EveryAnswerIsTheOneGivenAlone(int depth)
    {
        var requests = Enumerable.Range(1, 24)
            .Select(i => Request(i, 5 + (i * 13 % 90), 1 + (i * 7 % 40), Tenant(i % 2 == 0 ? "a" : "b"), i % 4 == 0 ? null : Adapter(i % 4), seed: 1 + (i % 5)))
            .ToArray();
        var harness = new SchedulerHarness(Small with { PageCount = 14 }).Submit(requests).RunToEnd(depth);
        foreach (var request in requests)
        {
            Assert.Equal(Alone(request), harness.Outputs[(request.Id.Value, 0)]);
        }

        Assert.True(harness.Scheduler.Snapshot().Preemptions > 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Cancel_MidFlight_GivesOneEndAndFreesThePages(int depth)
    {
        var harness = new SchedulerHarness(Small with { PrefixCaching = false }).Submit(Request(1), Request(2));
        for (var i = 0; i <= depth; i++)
        {
            harness.Launch();
        }

        Assert.True(harness.Scheduler.Cancel(new RequestId(1)));
        Assert.False(harness.Scheduler.Cancel(new RequestId(1)));
        Assert.Equal((FinishReason.Cancelled, null, RequestError.Cancelled), harness.Ends[(1, 0)]);
        harness.RunToEnd(depth);
        Assert.DoesNotContain((1L, 0), harness.Outputs.Keys);
        Assert.Equal(Small.PageCount, harness.Scheduler.Snapshot().FreePages);
    }

    [Fact]
    public void Submit_CanNeverFit_IsContextTooLong()
    {
        var harness = new SchedulerHarness(Small with { PageCount = 8 });
        Assert.Equal(RequestError.ContextTooLong, harness.Scheduler.Submit(Request(1, prompt: 500, maxTokens: 13), 0));
        Assert.Equal(RequestError.ContextTooLong, harness.Scheduler.Submit(Request(1, prompt: 100, maxTokens: 29), 0));
        Assert.Equal(RequestError.ContextTooLong, harness.Scheduler.Submit(Request(1, prompt: 100, maxTokens: 28, adapter: Adapter(1, pages: 1)), 0));
        Assert.Null(harness.Scheduler.Submit(Request(1, prompt: 100, maxTokens: 12, adapter: Adapter(1, pages: 1)), 0));
        harness.RunToEnd();
    }
}
