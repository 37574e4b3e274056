using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class ForkTests
{
    [Theory]
    [InlineData(16, 15, 1)]
    [InlineData(17, 0, 2)]
    [InlineData(40, 7, 3)]
    [InlineData(1, 0, 1)]
    public void Complete_PromptComputed_ChoicesShareFullPagesAndCopyTheRest(int prompt, int copied, int pages)
    {
        var harness = new SchedulerHarness(Small with { PrefixCaching = false, MaxBatchedTokens = 64 }).Submit(Request(1, prompt, 2) with { Choices = 3 });
        harness.Step();
        var plan = harness.Launch()!;
        Assert.Equal(3, plan.Sequences.Length);
        Assert.Equal(copied > 0 ? [copied, copied] : [], plan.Copies.ToArray().Select(copy => copy.Tokens));
        var tables = plan.Sequences.ToArray().Where(planned => planned.Sequence.Choice > 0).Select(planned => planned.PageCount);
        Assert.All(tables, count => Assert.Equal(pages, count));
        Assert.Equal(prompt - 1, plan.Sequences[1].FirstOrdinal);
        harness.Land();
        harness.RunToEnd();
        Assert.Equal(3, harness.Ends.Count);
        Assert.Equal(Small.PageCount, harness.Scheduler.Snapshot().FreePages);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void RunToEnd_ManyChoicesFewSeatsAndPages_AnswersAreThoseGivenAlone(int depth)
    {
        var request = Request(1, 37, 20) with { Choices = 6 };
        var harness = new SchedulerHarness(Small with { MaxSequences = 4, PageCount = 9 }).Submit(request).RunToEnd(depth);
        for (var choice = 0; choice < 6; choice++)
        {
            Assert.Equal(Alone(request, choice), harness.Outputs[(1, choice)]);
        }

        Assert.True(harness.Scheduler.State.Marks.ForkQueued > 0);
        Assert.True(harness.Scheduler.State.Marks.Forked > 0);
    }

    [Fact]
    public void Complete_FirstChoiceStopsAtOnce_OthersStillAnswer()
    {
        var harness = new SchedulerHarness { Verdict = static (sequence, _) => sequence.Choice == 0 ? TokenVerdict.Stop : TokenVerdict.Continue };
        harness.Submit(Request(1, 20, 5) with { Choices = 2 }).RunToEnd();
        Assert.Equal(FinishReason.Stop, harness.Ends[(1, 0)].Reason);
        Assert.Equal(5, harness.Outputs[(1, 1)].Count);
    }

    [Fact]
    public void Cancel_BeforeTheFork_EndsEveryChoiceOnce()
    {
        var harness = new SchedulerHarness().Submit(Request(1, 100, 5) with { Choices = 4 });
        harness.Step();
        Assert.True(harness.Scheduler.Cancel(new RequestId(1)));
        Assert.Equal(4, harness.Ends.Count);
        Assert.True(harness.Scheduler.IsIdle);
        harness.Scheduler.CheckIntegrity();
    }

    [Fact]
    public void Cancel_ForkWaitsForItsCopy_GivesTheSourceBack()
    {
        var harness = new SchedulerHarness(Small with { PrefixCaching = false }).Submit(Request(1, 20, 5) with { Choices = 2 });
        harness.Step();
        Assert.True(harness.Scheduler.Cancel(new RequestId(1)));
        harness.Scheduler.CheckIntegrity();
        Assert.Equal(Small.PageCount, harness.Scheduler.Snapshot().FreePages);
    }
}
