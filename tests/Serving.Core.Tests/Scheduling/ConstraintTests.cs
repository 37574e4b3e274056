using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

/// <summary>Sequences that get rows only when it is known what their constraint allows.</summary>
public sealed class ConstraintTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Schedule_NotReady_OthersGoOnAndItKeepsItsPages(int depth)
    {
        var ready = true;
        var harness = new SchedulerHarness { Ready = _ => ready }.Submit(Constrained(1, maxTokens: 4), Request(2, maxTokens: 12));
        while (harness.Outputs.GetValueOrDefault((1, 0)) is not { Count: 2 })
        {
            harness.Step(depth);
        }

        ready = false;
        var held = harness.Outputs[(1, 0)].Count;
        while (!harness.Ends.ContainsKey((2, 0)))
        {
            harness.Step(depth);
        }

        Assert.InRange(harness.Outputs[(1, 0)].Count, held, held + depth); // One token was in flight.
        Assert.Equal((1, 0), (harness.Scheduler.Snapshot().Running, (int)harness.Scheduler.State.Marks.Preempted));
        Assert.False(harness.Step(depth));

        ready = true;
        harness.RunToEnd(depth);
        Assert.Equal(Alone(Request(1, maxTokens: 4)), harness.Outputs[(1, 0)]);
        Assert.Equal(Alone(Request(2, maxTokens: 12)), harness.Outputs[(2, 0)]);
    }

    [Fact]
    public void Schedule_NothingElseToRun_ReturnsNullUntilItIsReady()
    {
        var ready = false;
        var harness = new SchedulerHarness { Ready = _ => ready }.Submit(Constrained(1));
        Assert.Null(harness.Launch());
        Assert.Null(harness.Launch());
        ready = true;
        Assert.NotNull(harness.Launch());
    }

    [Fact]
    public void Schedule_NotReadyInTheQueue_OthersPassAndItsAdapterIsLoaded()
    {
        var adapter = Adapter(1);
        var ready = false;
        var harness = new SchedulerHarness { Ready = _ => ready, LoadsAtOnce = false }.Submit(Constrained(1, adapter: adapter), Request(2));
        Assert.NotNull(harness.Launch());
        harness.Land();
        Assert.Equal(adapter.Digest, Assert.Single(harness.Loads).Digest);
        harness.LoadsAtOnce = true;
        while (harness.Step())
        {
        }

        Assert.Equal([(2, 0)], harness.EndOrder);
        ready = true;
        harness.RunToEnd();
        Assert.Equal(Alone(Request(1, adapter: adapter)), harness.Outputs[(1, 0)]);
    }

    [Fact]
    public void Schedule_ManyNotReadyInTheQueue_OthersOfTheirTenantPassWhileItIsBusy()
    {
        var harness = new SchedulerHarness { Ready = static _ => false }.Submit(Request(1, maxTokens: 100));
        harness.Step();
        harness.Submit([.. Enumerable.Range(2, 3 * Admission.Lookahead).Select(static id => Constrained(id)), Request(100)]);
        harness.Step();
        Assert.Single(harness.Outputs[(100, 0)]);
        Assert.Equal(2, harness.Scheduler.Snapshot().Running);
    }

    /// <summary>One plan per token, as for everyone: its row is planned ahead, and what it may sample is asked when the token before is there.</summary>
    [Fact]
    public void Schedule_DepthOne_HasARowInEveryPlan()
    {
        const int Tokens = 30;
        var harness = new SchedulerHarness().Submit(Constrained(1, maxTokens: Tokens), Request(2, maxTokens: 2 * Tokens));
        var plans = 0;
        while (!harness.Ends.ContainsKey((1, 0)))
        {
            plans += harness.Step(depth: 1) ? 1 : 0;
        }

        Assert.Equal(Tokens + 1, plans); // The last one was made before its last token was known.
        Assert.Equal(Alone(Request(1, maxTokens: Tokens)), harness.Outputs[(1, 0)]);
        Assert.Equal(0, harness.Scheduler.State.Marks.Withdrawn);
    }

    [Fact]
    public void Complete_NotReadyBehindItsToken_WithdrawsTheOutputAndPlansTheRowAgain()
    {
        var ready = true;
        var harness = new SchedulerHarness { Ready = _ => ready }.Submit(Constrained(1, maxTokens: 4));
        harness.Launch();
        var ahead = harness.Launch()!;
        Assert.Equal([0], ahead.LateOutputs.ToArray());
        Assert.Equal([~0], ahead.TokenIds.ToArray());
        ready = false;
        harness.Land();
        Assert.Equal([], ahead.LateOutputs.ToArray());
        Assert.Null(harness.Launch());
        harness.Land();
        Assert.Single(harness.Outputs[(1, 0)]);
        Assert.Null(harness.Launch());
        ready = true;
        var again = harness.Launch()!;
        Assert.Equal([], again.LateOutputs.ToArray());
        Assert.Equal((harness.Outputs[(1, 0)][0], 20), (again.TokenIds[0], again.Sequences[0].FirstOrdinal));
        harness.RunToEnd(depth: 1);
        Assert.Equal(Alone(Request(1, maxTokens: 4)), harness.Outputs[(1, 0)]);
        Assert.Equal(1, harness.Scheduler.State.Marks.Withdrawn);
    }

    /// <summary>It is ready again while the plan whose output does not count is still under way: the row is planned behind it.</summary>
    [Fact]
    public void Schedule_ReadyBeforeTheWithdrawnPlanIsComplete_GivesTheSameAnswer()
    {
        var ready = true;
        var harness = new SchedulerHarness { Ready = _ => ready }.Submit(Constrained(1, prompt: 30, maxTokens: 40), Request(2, maxTokens: 60));
        for (var step = 0; !harness.Ends.ContainsKey((1, 0)); step++)
        {
            ready = step % 3 != 0;
            harness.Step(depth: 1);
            ready = true;
        }

        Assert.Equal(Alone(Request(1, prompt: 30, maxTokens: 40)), harness.Outputs[(1, 0)]);
        Assert.InRange(harness.Scheduler.State.Marks.Withdrawn, 10, 40);
        harness.RunToEnd(depth: 1);
        Assert.Equal(Alone(Request(2, maxTokens: 60)), harness.Outputs[(2, 0)]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Cancel_AfterItsOutputWasWithdrawn_FreesItsPagesWithThePlan(bool completeFirst)
    {
        var ready = true;
        var harness = new SchedulerHarness(Small with { PrefixCaching = false }) { Ready = _ => ready }.Submit(Constrained(1));
        harness.Launch();
        harness.Launch();
        ready = false;
        harness.Land();
        if (completeFirst)
        {
            harness.Land();
            harness.Scheduler.Cancel(new RequestId(1));
        }
        else
        {
            harness.Scheduler.Cancel(new RequestId(1));
            harness.Land();
        }

        Assert.Single(harness.Outputs[(1, 0)]);
        Assert.Equal(0, harness.Scheduler.State.Pool.LeasedCount);
        harness.Scheduler.CheckIntegrity();
    }

    /// <summary>A row that fills a page, withdrawn: the page is sealed when the row is computed for good, once.</summary>
    [Fact]
    public void Complete_WithdrawnRowFillsAPage_IsSealedOnceItCounts()
    {
        var ready = true;
        var harness = new SchedulerHarness { Ready = _ => ready }.Submit(Constrained(1, prompt: 15, maxTokens: 6));
        harness.Launch();
        harness.Launch();
        ready = false;
        harness.Land();
        harness.Land();
        Assert.Equal((15, 0), (harness.Scheduler.State.Running[0].Sequence.ComputedCount, harness.Scheduler.State.Running[0].Sealed));
        ready = true;
        harness.Launch();
        harness.Land();
        Assert.Equal((16, 1), (harness.Scheduler.State.Running[0].Sequence.ComputedCount, harness.Scheduler.State.Running[0].Sealed));
        harness.RunToEnd();
        Assert.Equal(Alone(Request(1, prompt: 15, maxTokens: 6)), harness.Outputs[(1, 0)]);
    }

    [Fact]
    public void Complete_DeadEndOrStop_DiscardsWhatWasPlannedAhead()
    {
        foreach (var (verdict, reason) in ((TokenVerdict, FinishReason)[])[(TokenVerdict.DeadEnd, FinishReason.Failed), (TokenVerdict.Stop, FinishReason.Stop)])
        {
            var harness = new SchedulerHarness { Verdict = (sequence, _) => sequence.OutputCount == 3 ? verdict : TokenVerdict.Continue }.Submit(Constrained(1, maxTokens: 10));
            harness.RunToEnd(depth: 1);
            Assert.Equal(reason, harness.Ends[(1, 0)].Reason);
            Assert.Equal(Alone(Request(1, maxTokens: 10)).Take(3), harness.Outputs[(1, 0)]);
            Assert.Equal(0, harness.Scheduler.State.Pool.LeasedCount);
        }
    }

    [Fact]
    public void Schedule_OneChoiceIsNotReady_TheOthersAre()
    {
        var ready = false;
        var harness = new SchedulerHarness { Ready = sequence => sequence.Choice != 1 || ready }.Submit(Constrained(1) with { Choices = 3 });
        while (harness.Step())
        {
        }

        Assert.Equal([(1, 0), (1, 2)], harness.EndOrder);
        Assert.DoesNotContain((1, 1), harness.Outputs.Keys);
        ready = true;
        harness.RunToEnd();
        Assert.Equal(Alone(Request(1) with { Choices = 3 }, 1), harness.Outputs[(1, 1)]);
    }

    [Fact]
    public void Schedule_PastTheDeadline_EndsThoughNotReady()
    {
        var harness = new SchedulerHarness();
        harness.Ready = sequence => sequence.OutputCount < 2;
        harness.Submit(Constrained(1) with { Deadline = 10 }, Constrained(2) with { Deadline = 10 });
        while (harness.Now < 9)
        {
            harness.Step();
            Assert.Empty(harness.Ends);
        }

        Assert.False(harness.Step());
        Assert.All(harness.Ends.Values, end => Assert.Equal(RequestError.DeadlineExceeded, end.Error));
        Assert.True(harness.Scheduler.IsIdle);
        harness.Scheduler.CheckIntegrity();
    }

    [Fact]
    public void Cancel_NotReady_FreesItsPages()
    {
        var harness = new SchedulerHarness();
        harness.Ready = sequence => sequence.OutputCount < 2;
        harness.Submit(Constrained(1));
        while (harness.Step())
        {
        }

        Assert.True(harness.Scheduler.Cancel(new RequestId(1)));
        Assert.Equal(0, harness.Scheduler.State.Pool.LeasedCount);
        harness.Scheduler.CheckIntegrity();
    }

    [Fact]
    public void Schedule_SamplesNothing_IsNotAsked()
    {
        var harness = new SchedulerHarness { Ready = static _ => false };
        harness.Submit(Constrained(1, maxTokens: 0) with { ScorePrompt = true }).RunToEnd();
        Assert.Equal(FinishReason.Length, harness.Ends[(1, 0)].Reason);
    }
}
