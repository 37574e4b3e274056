using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

/// <summary>Snapshots of recurrent states: where they are taken, who begins at them.</summary>
public sealed class SnapshotTests
{
    private const int Pages = 3;

    private static readonly SchedulerOptions Remembering = Small with { PageCount = 128, StatePages = Pages, MinSnapshotTokens = 1, MaxBatchedTokens = 64 };

    [Theory]
    [InlineData(15, 0)]
    [InlineData(16, 0)]
    [InlineData(17, 16)]
    [InlineData(50, 48)]
    public void Schedule_SamePromptAgain_BeginsAtTheLastBoundaryBeforeItsLastToken(int prompt, int boundary)
    {
        var harness = new SchedulerHarness(Remembering).Submit(Request(1, prompt, 4));
        var first = harness.Launch()!;
        Assert.Equal(boundary == 0 ? prompt : boundary, first.RowCount); // The prompt is cut there.
        harness.Land();
        harness.RunToEnd();
        Assert.Equal(boundary == 0 ? 0 : 1, harness.Scheduler.Snapshot().StateSnapshots);

        harness.Submit(Request(2, prompt, 4, seed: 1));
        var plan = harness.Launch()!;
        var planned = plan.Sequences[0];
        Assert.Equal((boundary, boundary, prompt - boundary), (planned.FirstOrdinal, planned.Sequence.CachedCount, planned.RowCount));
        Assert.Equal(boundary > 0, planned.StateRead >= 0);
        harness.Land();
        harness.RunToEnd();
        Assert.Equal(harness.Outputs[(1, 0)], harness.Outputs[(2, 0)]);
        Assert.Equal(Alone(Request(1, prompt, 4), options: Remembering with { PrefixCaching = false }), harness.Outputs[(2, 0)]);
    }

    /// <summary>A step reads all weights: for a few tokens' state none is added. What is saved is counted from the snapshot that the prompt began at.</summary>
    [Theory]
    [InlineData(48, 48, 0)]
    [InlineData(49, 48, 1)]
    [InlineData(96, 48, 1)]
    [InlineData(97, 48, 2)]
    public void Schedule_FewTokensBehindTheSnapshotFound_NoneIsTaken(int prompt, int least, int snapshots)
    {
        var harness = new SchedulerHarness(Remembering with { MinSnapshotTokens = least });
        var (tokens, id) = (Request(1, 100, 4).Prompt, 0);
        foreach (var length in new[] { Math.Min(prompt, 49), prompt })
        {
            harness.Submit(Request(++id, length, 4) with { Prompt = [.. tokens.Take(length)] }).RunToEnd();
        }

        Assert.Equal(snapshots, harness.Scheduler.Snapshot().StateSnapshotsTaken);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Schedule_PromptsWithOneBeginning_SecondTakesASnapshotAtItsEndAndThirdFindsIt(int depth)
    {
        var harness = new SchedulerHarness(Remembering);
        var firsts = new List<int>();
        for (var i = 1; i <= 3; i++)
        {
            var request = Request(i, 40, 4);
            request = request with { Prompt = [.. Enumerable.Range(0, 34), .. request.Prompt] };
            harness.Submit(request);
            firsts.Add(harness.Launch()!.Sequences[0].FirstOrdinal);
            harness.RunToEnd(depth);
            Assert.Equal(Alone(request, options: Remembering with { PrefixCaching = false }), harness.Outputs[(i, 0)]);
        }

        Assert.Equal([0, 0, 32], firsts);
        Assert.Equal(1, harness.Scheduler.State.Marks.SnapshotsTakenBehindFound);
        Assert.Equal(4, harness.Scheduler.Snapshot().StateSnapshotsTaken);
    }

    [Fact]
    public void Schedule_NextTurn_BeginsWhereTheTurnBeforeHadItsPrompt()
    {
        var harness = new SchedulerHarness(Remembering).Submit(Request(1, 40, 30)).RunToEnd();
        var next = Request(2) with { Prompt = [.. Request(1, 40).Prompt, .. harness.Outputs[(1, 0)], 1, 2, 3] };
        harness.Submit(next);
        var plan = harness.Launch()!;
        Assert.Equal((32, 32), (plan.Sequences[0].FirstOrdinal, plan.RowCount)); // Keys are found up to token 64, and the state behind them is kept from now on.
        harness.Land();
        Assert.Equal(1, harness.Scheduler.State.Marks.SnapshotsTakenBehindFound);
        harness.RunToEnd();
        Assert.Equal(Alone(next, options: Remembering with { PrefixCaching = false }), harness.Outputs[(2, 0)]);
    }

    [Fact]
    public void Complete_SnapshotIsTaken_NextPlanReadsItAndNobodyWritesIt()
    {
        var harness = new SchedulerHarness(Remembering).Submit(Request(1, 40, 8));
        var plan = harness.Launch()!;
        PageId[] snapshot = [.. plan.StatePages.Slice(plan.Sequences[0].StateWrite, Pages)];
        var last = plan.Pages[^1].Page;
        harness.Land();
        Assert.Equal(snapshot, harness.Scheduler.State.Cache.StateSnapshots!.Of(last));
        plan = harness.Launch()!;
        Assert.Equal(snapshot, plan.StatePages.Slice(plan.Sequences[0].StateRead, Pages).ToArray());
        harness.Land();
        while (!harness.Scheduler.IsIdle)
        {
            plan = harness.Launch()!;
            Assert.Empty(plan.StatePages.ToArray().Intersect(snapshot));
            harness.Land();
        }

        Assert.Equal(0, harness.Scheduler.Snapshot().LeasedPages);
    }

    [Fact]
    public void Complete_PlanInFlightReadsIt_SnapshotIsHeldUntilItIsComplete()
    {
        var harness = new SchedulerHarness(Remembering).Submit(Request(1, 40, 8));
        var plan = harness.Launch()!;
        PageId[] snapshot = [.. plan.StatePages.Slice(plan.Sequences[0].StateWrite, Pages)];
        harness.Launch();
        harness.Land();
        Assert.Equal(1, harness.Scheduler.State.Marks.SnapshotsTakenAhead);
        Assert.Equal(PageState.Leased, harness.Scheduler.State.Pool.StateOf(snapshot[0]));
        plan = harness.Launch()!;
        Assert.Empty(plan.StatePages.Slice(plan.Sequences[0].StateWrite, Pages).ToArray().Intersect(snapshot));
        harness.Land();
        Assert.Equal(PageState.Cached, harness.Scheduler.State.Pool.StateOf(snapshot[0]));
        harness.Land();
        harness.RunToEnd(1);
        Assert.Equal(Alone(Request(1, 40, 8), options: Remembering), harness.Outputs[(1, 0)]);
    }

    [Fact]
    public void Complete_TwoOfTheSameAtOnce_TakeOneSnapshot()
    {
        var harness = new SchedulerHarness(Remembering with { MaxBatchedTokens = 128 }).Submit(Request(1, 40, 20), Request(2, 40, 20, seed: 1)).RunToEnd();
        Assert.Equal((1L, 1L), (harness.Scheduler.Snapshot().StateSnapshotsTaken, harness.Scheduler.State.Marks.SnapshotsThere));
        Assert.Equal(harness.Outputs[(1, 0)], harness.Outputs[(2, 0)]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Complete_SeveralChoices_OthersWaitInTheQueueAndBeginAtTheSnapshot(int depth)
    {
        var request = Request(1, 40, 10) with { Choices = 3 };
        var harness = new SchedulerHarness(Remembering).Submit(request).RunToEnd(depth);
        Assert.Equal((0L, 2L, 2L), (harness.Scheduler.State.Marks.Forked, harness.Scheduler.State.Marks.ForkQueued, harness.Scheduler.State.Marks.SnapshotsRead));
        for (var choice = 0; choice < 3; choice++)
        {
            Assert.Equal(Alone(request, choice, Remembering with { PrefixCaching = false }), harness.Outputs[(1, choice)]);
        }
    }

    [Fact]
    public void Complete_PagesAreOthers_NoSnapshotIsTakenAndNobodyIsPreempted()
    {
        // Two sequences and their versions leave less than a version and a page for each.
        var harness = new SchedulerHarness(Remembering with { PageCount = (4 * Pages) + 8 }).Submit(Request(1, 40, 8), Request(2, 40, 8)).RunToEnd();
        var marks = harness.Scheduler.State.Marks;
        Assert.Equal((0L, 2L, 0L), (marks.SnapshotsTaken, marks.SnapshotsForgone, marks.Preempted));
        Assert.Equal(Alone(Request(2, 40, 8), options: Remembering), harness.Outputs[(2, 0)]);
    }

    [Fact]
    public void Schedule_NoRoomBesideTheSnapshotFound_BeginsWithoutIt()
    {
        // A page with its snapshot, two versions and three pages of keys are one more than there is.
        var harness = new SchedulerHarness(Remembering with { PageCount = 2 + (3 * Pages) }).Submit(Request(1, 17, 1)).RunToEnd();
        Assert.Equal(1, harness.Scheduler.Snapshot().StateSnapshots);
        var again = Request(2, 57, 8, seed: 1);
        harness.Submit(again).RunToEnd();
        Assert.Equal(1, harness.Scheduler.State.Marks.SnapshotsPassedOver);
        Assert.Equal(Alone(again, options: Remembering), harness.Outputs[(2, 0)]);
    }

    [Fact]
    public void Complete_EveryKeyCollides_AnswersStay()
    {
        var harness = new SchedulerHarness(Remembering with { Faults = new SchedulerFaults { CollideKeys = true } });
        for (var i = 1; i <= 10; i++)
        {
            harness.Submit(Request(i, 40, 10)).RunToEnd();
            Assert.Equal(Alone(Request(i, 40, 10), options: Remembering), harness.Outputs[(i, 0)]);
        }

        Assert.True(harness.Scheduler.State.Marks.Collisions > 0);
        Assert.True(harness.Scheduler.Snapshot().StateSnapshotsTaken < 10);
    }

    [Fact]
    public void Schedule_ScoredPrompt_IsComputedAsAWholeAndLeavesASnapshot()
    {
        var scored = Request(1, 40, 2) with { ScorePrompt = true };
        var harness = new SchedulerHarness(Remembering).Submit(scored).RunToEnd();
        harness.Submit(scored with { Id = new RequestId(2) });
        Assert.Equal(0, harness.Launch()!.Sequences[0].FirstOrdinal);
        harness.Land();
        harness.RunToEnd();
        Assert.Equal(2 * 39, harness.Scored.Count);
        Assert.Equal(1, harness.Scheduler.Snapshot().StateSnapshots);
    }

    [Fact]
    public void Fail_SnapshotsAreThere_AllIsGone()
    {
        var harness = new SchedulerHarness(Remembering).Submit(Request(1, 40, 8)).RunToEnd();
        harness.Submit(Request(2, 40, 8, seed: 1));
        harness.Launch();
        harness.Scheduler.Fail(RequestError.EngineFailed);
        harness.Scheduler.CheckIntegrity();
        Assert.Equal((128, 0), (harness.Scheduler.Snapshot().FreePages, harness.Scheduler.Snapshot().StateSnapshots));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void RunToEnd_PreemptedAtWill_AnswersAreThoseGivenAlone(int depth)
    {
        var draw = new Draw(7);
        var harness = new SchedulerHarness(Remembering with { PageCount = 48, Faults = new SchedulerFaults { PreemptNow = () => draw.Below(6) == 0, EvictNow = () => draw.Below(9) == 0 } });
        for (var i = 1; i <= 12; i++)
        {
            harness.Submit(Request(i, 33 + i, 12, seed: 1 + (i % 3)));
        }

        harness.RunToEnd(depth);
        for (var i = 1; i <= 12; i++)
        {
            Assert.Equal(Alone(Request(i, 33 + i, 12, seed: 1 + (i % 3)), options: Remembering with { PrefixCaching = false }), harness.Outputs[(i, 0)]);
        }

        Assert.True(harness.Scheduler.State.Marks.SnapshotsRead > 0);
        Assert.True(harness.Scheduler.Snapshot().StateSnapshotEvictions > 0);
    }
}
