using Serving.Core.Requests;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class DeadlineTests
{
    [Fact]
    public void Schedule_DeadlinePassedInTheQueue_EndsWithoutALaunch()
    {
        var harness = new SchedulerHarness(Small with { MaxSequences = 1 }).Submit(Request(1, 10, 20), Request(2) with { Deadline = 5, Choices = 2 }, Request(3) with { Deadline = 1000 });
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(5, harness.Scheduler.NextDeadline);
            harness.Step();
        }

        Assert.Equal((FinishReason.Failed, null, RequestError.DeadlineExceeded), harness.Ends[(2, 0)]);
        Assert.True(harness.Ends.ContainsKey((2, 1)));
        Assert.Equal(1000, harness.Scheduler.NextDeadline);
        Assert.Equal((1L, 0L), (harness.Scheduler.State.Marks.ExpiredWaiting, harness.Scheduler.State.Marks.ExpiredRunning));
        Assert.DoesNotContain((2L, 0), harness.Outputs.Keys);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Schedule_DeadlinePassesWhileRunning_EndsWithWhatItHas(int depth)
    {
        var harness = new SchedulerHarness().Submit(Request(1, 10, 100) with { Deadline = 7 }).RunToEnd(depth);
        Assert.Equal(RequestError.DeadlineExceeded, harness.Ends[(1, 0)].Error);
        Assert.InRange(harness.Outputs[(1, 0)].Count, 4, 6);
        Assert.Equal(1, harness.Scheduler.State.Marks.ExpiredRunning);
    }
}
