using Serving.Core.Memory;
using Serving.Core.Modules;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

/// <summary>The versions of recurrent states.</summary>
public sealed class StateTests
{
    private const int Pages = 3;

    private static readonly SchedulerOptions Remembering = Small with { StatePages = Pages, PrefixCaching = false };

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Schedule_OneSequence_ReadsWhatThePlanBeforeWritesAndWritesTheOther(int depth)
    {
        var harness = new SchedulerHarness(Remembering).Submit(Request(1, 40, 6));
        PageId[] before = [];
        for (var i = 0; i < 5; i++)
        {
            var plan = harness.Launch()!;
            var planned = plan.Sequences[0];
            Assert.Equal(i > 0, planned.StateRead >= 0);
            Assert.Equal(before, i == 0 ? [] : plan.StatePages.Slice(planned.StateRead, Pages).ToArray());
            var written = plan.StatePages.Slice(planned.StateWrite, Pages).ToArray();
            Assert.Equal(Pages, written.Except(before).Except(plan.Pages.ToArray().Select(entry => entry.Page)).Count());
            before = written;
            if (i >= depth)
            {
                harness.Land();
            }
        }
    }

    [Fact]
    public void Schedule_ModelWithoutState_NamesNoVersion()
    {
        var plan = new SchedulerHarness().Submit(Request(1)).Launch()!;
        Assert.Equal((-1, -1, 0), (plan.Sequences[0].StateRead, plan.Sequences[0].StateWrite, plan.StatePages.Length));
    }

    [Fact]
    public void Complete_RowIsWithdrawn_IsComputedAgainFromTheSameVersion()
    {
        var ready = true;
        var harness = new SchedulerHarness(Remembering) { Ready = _ => ready }.Submit(Constrained(1, 20, 4));
        harness.Launch();
        var late = harness.Launch()!;
        Assert.Equal(1, late.LateOutputs.Length);
        var (read, written) = (Read(late), Written(late));
        ready = false;
        harness.Land();
        Assert.Equal(1, harness.Scheduler.State.Marks.Withdrawn);
        ready = true;
        var again = harness.Launch()!; // The other one is still in flight: the device runs them in order.
        Assert.Equal(late.Sequences[0].FirstOrdinal, again.Sequences[0].FirstOrdinal);
        Assert.Equal(read, Read(again));
        Assert.Equal(written, Written(again));
        harness.Land();
        harness.Land();
        harness.RunToEnd();
        Assert.Equal(Alone(Request(1, 20, 4), options: Remembering), harness.Outputs[(1, 0)]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void RunToEnd_ManyOnFewPages_ArePreemptedAndAnsweredAsAlone(int depth)
    {
        var harness = new SchedulerHarness(Remembering with { PageCount = 22 });
        for (var i = 1; i <= 8; i++)
        {
            harness.Submit(Request(i, 10 + i, 40));
        }

        harness.RunToEnd(depth);
        for (var i = 1; i <= 8; i++)
        {
            Assert.Equal(Alone(Request(i, 10 + i, 40), options: Remembering), harness.Outputs[(i, 0)]);
        }

        Assert.True(harness.Scheduler.State.Marks.Preempted > 0);
        Assert.Equal(22, harness.Scheduler.Snapshot().FreePages);
    }

    [Fact]
    public void Submit_OnlyTheVersionsDoNotFit_IsTooLong()
    {
        var options = Remembering with { PageCount = 2 + (2 * Pages) };
        Assert.Equal(RequestError.ContextTooLong, new SchedulerHarness(options).Scheduler.Submit(Request(1, 25, 8), 0));
        Assert.Equal(8, new SchedulerHarness(options).Submit(Request(1, 24, 8)).RunToEnd().Outputs[(1, 0)].Count);
    }

    [Fact]
    public void Schedule_NoRoomForAnotherSequencesVersions_ItWaits()
    {
        var harness = new SchedulerHarness(Remembering with { PageCount = (4 * Pages) + 1 }).Submit(Request(1, 4, 4), Request(2, 4, 4));
        harness.Step();
        Assert.Equal((1, 1, 2 * Pages), (harness.Scheduler.Snapshot().Running, harness.Scheduler.Snapshot().Waiting, harness.Scheduler.Snapshot().StatePages));
        harness.RunToEnd();
        Assert.Equal((2, 0), (harness.Ends.Count, harness.Scheduler.Snapshot().StatePages));
    }

    [Fact]
    public void SelectVictim_VersionsCount_TheTenantWithMoreSequences()
    {
        // Tenant a has one sequence of seven pages, tenant b two of one: with their versions those hold more.
        var harness = new SchedulerHarness(Remembering with { MaxBatchedTokens = 128 }).Submit(Request(1, 4, 9, Tenant("b")), Request(2, 100, 9, Tenant("a")), Request(3, 4, 9, Tenant("b")));
        harness.Step();
        Assert.Equal(3, new Preemption(harness.Scheduler.State).SelectVictim(harness.Scheduler.State.Running[0])!.Request.Request.Id.Value);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Cancel_InFlight_VersionsAreFreeWithThePlan(int depth)
    {
        var harness = new SchedulerHarness(Remembering).Submit(Request(1, 20, 8));
        harness.Launch();
        if (depth == 1)
        {
            harness.Launch();
        }

        Assert.True(harness.Scheduler.Cancel(new RequestId(1)));
        Assert.True(harness.Scheduler.Snapshot().FreePages < Remembering.PageCount - (2 * Pages));
        for (var i = 0; i <= depth; i++)
        {
            harness.Land();
        }

        Assert.Equal(Remembering.PageCount, harness.Scheduler.Snapshot().FreePages);
    }

    [Fact]
    public void Schedule_DraftsAreOffered_NoneIsComputed()
    {
        var harness = new SchedulerHarness(Remembering with { MaxDraftTokens = 4 }) { Guess = static _ => [(1, 1)] }.Submit(Request(1, 20, 8)).RunToEnd();
        Assert.Equal(0, harness.Scheduler.Snapshot().DraftedTokens);
        Assert.Equal(Alone(Request(1, 20, 8), options: Remembering), harness.Outputs[(1, 0)]);
    }

    [Fact]
    public void Submit_ImportsModules_IsNotSupported()
    {
        var module = new ModuleRef { Key = Digest.Of([1]), Tokens = [1, 2, 3], Positions = [0, 1, 2], Context = [] };
        var harness = new SchedulerHarness(Remembering);
        Assert.Equal(RequestError.NotSupported, harness.Scheduler.Submit(Request(1) with { Imports = [module], Prompt = [1, 2, 3, 4] }, 0));
        Assert.False(harness.Scheduler.PinModule(module, Tenant(), null));
        Assert.True(harness.Scheduler.IsIdle);
    }

    [Fact]
    public void Constructor_NegativePages_Throws() => Assert.Throws<ArgumentOutOfRangeException>(() => new SchedulerHarness(Small with { StatePages = -1 }));

    private static PageId[] Read(StepPlan plan) => plan.StatePages.Slice(plan.Sequences[0].StateRead, Pages).ToArray();

    private static PageId[] Written(StepPlan plan) => plan.StatePages.Slice(plan.Sequences[0].StateWrite, Pages).ToArray();
}
