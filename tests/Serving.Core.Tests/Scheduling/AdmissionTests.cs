using Serving.Core.Adapters;
using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class AdmissionTests
{
    [Fact]
    public void Schedule_AdapterLoading_LetsLaterRequestsOfTheTenantPass()
    {
        var harness = new SchedulerHarness { LoadsAtOnce = false }.Submit(Request(1, adapter: Adapter(1)), Request(2));
        var plan = harness.Launch()!;
        Assert.Equal(2, plan.Sequences[0].Sequence.Request.Id.Value);
        harness.Land();
        var load = Assert.Single(harness.Loads);
        Assert.Equal(Adapter(1).Digest, load.Digest);
        harness.Finish(load);
        Assert.Contains(1, harness.Launch()!.Sequences.ToArray().Select(planned => planned.Sequence.Request.Id.Value));
    }

    [Fact]
    public void Schedule_ManyAdaptersQueued_LoadsTwoAtATime()
    {
        var harness = new SchedulerHarness { LoadsAtOnce = false };
        for (var i = 1; i <= 4; i++)
        {
            harness.Submit(Request(i, adapter: Adapter(i)));
        }

        Assert.Null(harness.Launch());
        Assert.Equal([Adapter(1).Digest, Adapter(2).Digest], harness.Loads.Select(load => load.Digest));
        harness.Finish(harness.Loads[0]);
        harness.Step();
        Assert.Equal(Adapter(3).Digest, harness.Loads[2].Digest);
    }

    [Fact]
    public void AdapterFailed_Waiters_EndWithTheErrorAndOthersGoOn()
    {
        var harness = new SchedulerHarness { LoadsAtOnce = false };
        harness.Submit(Request(1, adapter: Adapter(1)) with { Choices = 2 }, Request(2, adapter: Adapter(1)), Request(3));
        harness.Step();
        harness.Scheduler.AdapterFailed(Adapter(1).Digest, RequestError.AdapterInvalid);
        harness.Scheduler.CheckIntegrity();
        Assert.Equal([(1, 0), (1, 1), (2, 0)], harness.EndOrder);
        Assert.All(harness.Ends.Values, end => Assert.Equal((FinishReason.Failed, null, RequestError.AdapterInvalid), end));
        harness.RunToEnd();
        Assert.Equal(FinishReason.Length, harness.Ends[(3, 0)].Reason);
    }

    [Fact]
    public void RetireAdapter_WhileRunning_ThatRequestFinishesAndThePagesAreFree()
    {
        var harness = new SchedulerHarness(Small with { PrefixCaching = false }).Submit(Request(1, adapter: Adapter(1)));
        harness.Step();
        harness.Step();
        harness.Scheduler.RetireAdapter(Adapter(1).Digest);
        Assert.Single(harness.Scheduler.Snapshot().Adapters);
        harness.RunToEnd();
        Assert.Equal(FinishReason.Length, harness.Ends[(1, 0)].Reason);
        Assert.Empty(harness.Scheduler.Snapshot().Adapters);
        Assert.Equal(Small.PageCount, harness.Scheduler.Snapshot().FreePages);
        Assert.Equal(1, harness.Scheduler.State.Marks.RetiredInUse);
    }

    [Fact]
    public void RunToEnd_MoreAdaptersThanRoom_EveryAnswerIsTheOneGivenAlone()
    {
        var requests = Enumerable.Range(1, 60).Select(i => Request(i, 10, 5, adapter: Adapter(i * i % 23, pages: 3))).ToArray();
        var harness = new SchedulerHarness(Small with { PageCount = 20 }).Submit(requests).RunToEnd();
        Assert.All(requests, request => Assert.Equal(Alone(request), harness.Outputs[(request.Id.Value, 0)]));
        Assert.True(harness.Scheduler.Snapshot().AdapterEvictions > 0);
    }

    [Fact]
    public void Schedule_NoRoomForAnAdapter_IsPassedOnlySoOften()
    {
        // One slot, kept busy by a stream of short requests with the resident adapter: the other one's turn comes after the bound.
        var harness = new SchedulerHarness(Small with { AdapterSlots = 1, MaxSequences = 3 });
        harness.Submit(Request(1, 4, 4, adapter: Adapter(1)));
        harness.Step();
        harness.Submit(Request(2, 4, 4, adapter: Adapter(2)));
        var passed = 0;
        for (var i = 3; !harness.Ends.ContainsKey((2, 0)); i++)
        {
            Assert.True(i < 2000, "starved");
            harness.Submit(Request(i, 4, 3 + (i % 4), adapter: Adapter(1)));
            harness.Step();
            passed = harness.Ends.Count;
        }

        Assert.InRange(passed, 1, Admission.MaxBypasses + 10);
        Assert.True(harness.Scheduler.State.Marks.Bypassed >= Admission.MaxBypasses);
    }

    [Fact]
    public void Schedule_MoreAdaptersThanAStepTakes_TheRestWaits()
    {
        var harness = new SchedulerHarness(Small with { MaxAdaptersPerStep = 2 });
        for (var i = 1; i <= 4; i++)
        {
            harness.Submit(Request(i, 4, 6, adapter: Adapter(i)));
        }

        for (var i = 0; i < 6; i++)
        {
            Assert.True(harness.Launch() is not { } plan || plan.Sequences.ToArray().Select(planned => planned.AdapterSlot).Distinct().Count() <= 2);
            if (i > 0)
            {
                harness.Land();
            }
            else
            {
                harness.AnswerLoads();
            }
        }

        harness.RunToEnd();
        Assert.Equal(4, harness.Ends.Count);
    }

    [Fact]
    public void Submit_QueueFull_IsRefusedAndAnAdmissionMakesRoom()
    {
        var harness = new SchedulerHarness(Small with { MaxQueuedRequests = 2, MaxSequences = 1 }).Submit(Request(1), Request(2));
        Assert.Equal(RequestError.QueueFull, harness.Scheduler.Submit(Request(3), 0));
        harness.Step();
        Assert.Null(harness.Scheduler.Submit(Request(3), 0));
        harness.RunToEnd();
    }

    [Fact]
    public void BeginDrain_RunningAndWaiting_FinishAndNewOnesAreRefused()
    {
        var harness = new SchedulerHarness(Small with { MaxSequences = 1 }).Submit(Request(1), Request(2));
        harness.Step();
        harness.Scheduler.BeginDrain();
        Assert.Equal(RequestError.Draining, harness.Scheduler.Submit(Request(3), 0));
        harness.RunToEnd();
        Assert.All(harness.Ends.Values, end => Assert.Equal(FinishReason.Length, end.Reason));
    }

    [Fact]
    public void Submit_NoAdapterSlots_IsRefused() =>
        Assert.Equal(RequestError.ContextTooLong, new SchedulerHarness(Small with { AdapterSlots = 0 }).Scheduler.Submit(Request(1, adapter: Adapter(1)), 0));

    [Fact]
    public void Snapshot_MoreAdaptersThanLoads_NamesThoseWaitedForOnce()
    {
        var harness = new SchedulerHarness { LoadsAtOnce = false };
        harness.Submit(Request(1, adapter: Adapter(1)), Request(2, adapter: Adapter(2)), Request(3, adapter: Adapter(3)), Request(4, adapter: Adapter(3)));
        harness.Launch();
        var adapters = harness.Scheduler.Snapshot().Adapters;
        Assert.Equal([AdapterState.Loading, AdapterState.Loading, AdapterState.Registered], adapters.Select(adapter => adapter.State));
        Assert.Equal((Adapter(3).Digest, -1, 0, 2), (adapters[2].Digest, adapters[2].Slot, adapters[2].Pages, adapters[2].Waiters));
    }

    [Fact]
    public void Snapshot_RunningAndWaiting_CountsThem()
    {
        var harness = new SchedulerHarness(Small with { MaxSequences = 1 }).Submit(Request(1, adapter: Adapter(1)), Request(2, adapter: Adapter(1)));
        harness.Launch();
        harness.Step();
        var snapshot = harness.Scheduler.Snapshot();
        Assert.Equal((1, 1, 2), (snapshot.Running, snapshot.Waiting, snapshot.Requests));
        Assert.Equal((AdapterState.Resident, 1, 1, 2), (snapshot.Adapters[0].State, snapshot.Adapters[0].Users, snapshot.Adapters[0].Waiters, snapshot.AdapterPages));
        Assert.Equal((1, 1, 20L, 1L), (snapshot.Tenants[0].Running, snapshot.Tenants[0].Waiting, snapshot.Tenants[0].InputTokens, snapshot.Tenants[0].OutputTokens));
        Assert.Equal(snapshot.TotalPages, snapshot.FreePages + snapshot.LeasedPages + snapshot.CachedPages);
        Assert.Equal((1L, 0L, 1L), (snapshot.Steps, snapshot.Preemptions, snapshot.AdapterLoads));
        Assert.Equal(0, PagePool.PagesFor(snapshot.PrefixHits) + snapshot.PrefixEvictions);
    }
}
