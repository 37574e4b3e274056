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

    [Fact]
    public void Schedule_DepthOne_NeverAheadOfItsLastToken()
    {
        var harness = new SchedulerHarness().Submit(Constrained(1));
        Assert.NotNull(harness.Launch());
        Assert.Null(harness.Launch());
        harness.Land();
        Assert.Equal(harness.Outputs[(1, 0)][^1], harness.Launch()!.TokenIds[0]);
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
