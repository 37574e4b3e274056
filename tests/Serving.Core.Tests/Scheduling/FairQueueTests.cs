using Serving.Core.Memory;
using Serving.Core.Requests;
using Serving.Core.Scheduling;
using Serving.Core.Tenancy;
using static Serving.Core.Tests.Scheduling.SchedulerHarness;

namespace Serving.Core.Tests.Scheduling;

public sealed class FairQueueTests
{
    private readonly FairQueue _queue = new(inputPrice: 1, outputPrice: 2);

    [Fact]
    public void Next_OneTenant_GoesByPriorityThenArrivalThenChoice()
    {
        Join(Request(3));
        Join(Request(1));
        Join(Request(2) with { Priority = -1 });
        Join(Request(4) with { Priority = 1 });
        Assert.Equal([2, 1, 3, 4], TakeAll());
    }

    [Fact]
    public void Next_TwoTenants_TakeTurnsByWeightedService()
    {
        for (var i = 0; i < 12; i++)
        {
            Join(Request(i, tenant: Tenant("a", weight: 2)));
            Join(Request(100 + i, tenant: Tenant("b")));
        }

        var turns = new List<string>();
        for (var i = 0; i < 9; i++)
        {
            turns.Add(TakeNext().Request.Tenant.Tenant.Id.Value);
        }

        Assert.Equal(6, turns.Count(turn => turn == "a"));
    }

    [Fact]
    public void Join_AfterIdleness_IsLiftedToTheLowestWhoWaits()
    {
        Join(Request(1, tenant: Tenant("a")));
        Join(Request(2, tenant: Tenant("a")));
        _queue.ChargeInput(_queue.Of(Tenant("a")), 500);
        Join(Request(3, tenant: Tenant("b")));
        Assert.Equal(500, _queue.Of(Tenant("b")).Counter);
    }

    [Fact]
    public void Join_NobodyWaits_IsLiftedToTheLastWhoLeft()
    {
        Join(Request(1, tenant: Tenant("a")));
        TakeNext();
        _queue.ChargeOutput(_queue.Of(Tenant("a")));
        Join(Request(2, tenant: Tenant("b")));
        Assert.Equal(_queue.Of(Tenant("a")).Counter, _queue.Of(Tenant("b")).Counter);
        Assert.Equal(22, _queue.Of(Tenant("b")).Counter);
    }

    [Fact]
    public void Join_MoreServedThanOthers_KeepsItsCounter()
    {
        Join(Request(1, tenant: Tenant("b")));
        _queue.ChargeInput(_queue.Of(Tenant("a")), 100);
        Join(Request(2, tenant: Tenant("a")));
        Assert.Equal(100, _queue.Of(Tenant("a")).Counter);
    }

    [Fact]
    public void Skip_WithinADepth_LeavesTheOthersOfTheTenantAlone()
    {
        for (var i = 0; i < 5; i++)
        {
            Join(Request(i));
        }

        _queue.BeginPass();
        for (var i = 0; i < 2; i++)
        {
            FairQueue.Skip(_queue.Next(2)!);
        }

        Assert.Null(_queue.Next(2));
        Assert.Equal(2, _queue.Next(int.MaxValue)!.Request.Request.Id.Value);
    }

    private void Join(Request request) => _queue.Join(new RequestState(request, _queue.Of(request.Tenant), Digest.None).Choices[0]);

    private SequenceState TakeNext()
    {
        _queue.BeginPass();
        var next = _queue.Next(int.MaxValue)!;
        _queue.Remove(next);
        _queue.ChargeInput(next.Request.Tenant, next.Sequence.PromptCount);
        return next;
    }

    private List<long> TakeAll()
    {
        var order = new List<long>();
        while (_queue.Count > 0)
        {
            order.Add(TakeNext().Request.Request.Id.Value);
        }

        return order;
    }
}
